-- The timeline of devices, read only.

-- name: list
select r.digest, r.taken_at, max(k.indexed_at) as indexed_at,
       (select b.backup_id::text from revision_backup b
        where b.device = r.device and b.taken_at = r.taken_at order by b.backup_id limit 1)
           as backup_id,
       jsonb_agg(k.report || jsonb_build_object(
           'state', k.state, 'added', k.added, 'removed', k.removed) order by k.kind) as kinds
from revision r join kind_index k on k.device = r.device and k.taken_at = r.taken_at
where r.device = $1 and ($2::timestamptz is null or r.taken_at < $2)
group by r.device, r.digest, r.taken_at
order by r.taken_at desc
limit $3

-- name: count_differences
-- $1 device, $2 kind, $3 and $4 the moments. A row that covers both is no difference, and neither
-- is a pair that went and came back: the digests are compared.
with before as (
    select a.key, a.digest from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
      and not (a.added_at <= $4 and (a.removed_at is null or a.removed_at > $4))
), after as (
    select a.key, a.digest from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $4 and (a.removed_at is null or a.removed_at > $4)
      and not (a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3))
)
select count(*) filter (where b.key is null) as added,
       count(*) filter (where a.key is null) as removed,
       count(*) filter (where a.digest <> b.digest) as changed
from before b full join after a on a.key = b.key

-- name: differences
-- As above; $5 the key after which the page begins or null, $6 its length.
with before as (
    select a.id, a.key, a.digest from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
      and not (a.added_at <= $4 and (a.removed_at is null or a.removed_at > $4))
), after as (
    select a.id, a.key, a.digest from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $4 and (a.removed_at is null or a.removed_at > $4)
      and not (a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3))
)
select coalesce(b.key, a.key) as key, b.id as before_id, a.id as after_id,
       case when b.key is null then 'added' when a.key is null then 'removed' else 'changed' end
           as change
from before b full join after a on a.key = b.key
where (b.digest is distinct from a.digest)
  and ($5::text is null or coalesce(b.key, a.key) > $5)
order by 1
limit $6

-- name: index_states
select i.backup_id::text, j.state as job_state, j.id::text as job_id,
       d.finished_at as indexed_at, d.revision
from unnest($1::uuid[]) as i (backup_id)
left join lateral (
    select id, state from job where backup_id = i.backup_id and kind = 'index'
    order by created_at desc, id desc limit 1
) j on true
left join lateral (
    select finished_at, revision from job
    where backup_id = i.backup_id and kind = 'index' and state = 'completed'
    order by finished_at desc limit 1
) d on true
where j.id is not null
