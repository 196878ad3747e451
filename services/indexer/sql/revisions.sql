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
