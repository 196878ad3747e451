-- What differs between two moments of a device: $1 device, $3 and $4 the moments, either of which may
-- be the later one. Only rows that end or begin between them are read, by the indexes of those times:
-- a row that covers both is no difference, and neither is a pair that went and came back.

-- name: is_known
-- Whether revision $3 says anything about kind $2.
select exists (
    select 1 from kind_index
    where device = $1 and kind = $2 and taken_at = $3 and state = 'indexed'
)

-- name: states
-- $2 and $3 the moments: every kind that either was asked for.
select kind,
       coalesce(max(state) filter (where taken_at = $2), 'never') as from_state,
       coalesce(max(state) filter (where taken_at = $3), 'never') as to_state
from kind_index
where device = $1 and taken_at in ($2, $3)
group by kind order by kind

-- name: states of two
-- $1 and $2 a device and its moment, $4 and $3 another one and its.
select kind,
       coalesce(max(state) filter (where device = $1), 'never') as from_state,
       coalesce(max(state) filter (where device = $4), 'never') as to_state
from kind_index
where (device = $1 and taken_at = $2) or (device = $4 and taken_at = $3)
group by kind order by kind

-- name: count
-- Of kinds $2, by why they went; only what was there earlier and is not later has a reason.
select k.kind, d.change, d.cause, d.is_offloaded, count(*) as count
from unnest($2::text[]) as k (kind)
cross join lateral (
    with gone as (
        select a.key, a.digest from artifact a
        where a.device = $1 and a.kind = k.kind
          and a.removed_at > least($3::timestamptz, $4::timestamptz) and a.removed_at <= greatest($3::timestamptz, $4::timestamptz)
          and a.added_at <= least($3::timestamptz, $4::timestamptz)
    ), come as (
        select a.key, a.digest, a.attachments::text like '%"present":false%' as lacks_file
        from artifact a
        where a.device = $1 and a.kind = k.kind
          and a.added_at > least($3::timestamptz, $4::timestamptz) and a.added_at <= greatest($3::timestamptz, $4::timestamptz)
          and (a.removed_at is null or a.removed_at > greatest($3::timestamptz, $4::timestamptz))
    )
    select case when (g.key is null) = ($3::timestamptz < $4::timestamptz) and (g.key is null or c.key is null) then 'added'
                when g.key is null or c.key is null then 'removed'
                else 'changed' end as change,
           case when c.key is null and $3::timestamptz < $4::timestamptz then (
               select r.cause from removal r
               where r.device = $1 and r.kind = k.kind and r.key = g.key
                 and r.removed_at > $3::timestamptz and r.removed_at <= $4::timestamptz and r.cause <> 'offloaded'
               order by r.removed_at desc limit 1
           ) end as cause,
           g.key is not null and c.lacks_file and $3::timestamptz < $4::timestamptz and exists (
               select 1 from removal r
               where r.device = $1 and r.kind = k.kind and r.key = g.key
                 and r.removed_at > $3::timestamptz and r.removed_at <= $4::timestamptz and r.cause = 'offloaded'
           ) as is_offloaded
    from gone g full join come c on c.key = g.key
    where g.digest is distinct from c.digest
) d
group by 1, 2, 3, 4

-- name: differences
-- Of kind $2; $5 the key after which the page begins or null, $6 its length.
with gone as (
    select a.id, a.key, a.digest from artifact a
    where a.device = $1 and a.kind = $2
      and a.removed_at > least($3::timestamptz, $4::timestamptz) and a.removed_at <= greatest($3::timestamptz, $4::timestamptz)
      and a.added_at <= least($3::timestamptz, $4::timestamptz)
), come as (
    select a.id, a.key, a.digest, a.attachments::text like '%"present":false%' as lacks_file
    from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at > least($3::timestamptz, $4::timestamptz) and a.added_at <= greatest($3::timestamptz, $4::timestamptz)
      and (a.removed_at is null or a.removed_at > greatest($3::timestamptz, $4::timestamptz))
), page as (
    select coalesce(g.key, c.key) as key, g.id as gone_id, c.id as come_id, c.lacks_file
    from gone g full join come c on c.key = g.key
    where g.digest is distinct from c.digest
      and ($5::text is null or coalesce(g.key, c.key) > $5)
    order by 1
    limit $6
)
select p.key,
       case when $3::timestamptz < $4::timestamptz then p.gone_id else p.come_id end as before_id,
       case when $3::timestamptz < $4::timestamptz then p.come_id else p.gone_id end as after_id,
       case when p.gone_id is not null and $3::timestamptz < $4::timestamptz then (
           select array[r.cause, r.doubt] from removal r
           where r.device = $1 and r.kind = $2 and r.key = p.key
             and r.removed_at > $3::timestamptz and r.removed_at <= $4::timestamptz
             and (r.cause = 'offloaded') = (p.come_id is not null)
             and (p.come_id is null or p.lacks_file)
           order by r.removed_at desc limit 1
       ) end as removal
from page p
order by p.key
