-- Why things went, see reasons.py: $1 device, $2 kind, $3 the revision at which they are gone.

-- name: border
-- The revision itself and the one of the kind before it.
select n.parser_version, n.report, p.parser_version as parser_before, p.report as report_before
from kind_index n
left join lateral (
    select parser_version, report from kind_index
    where device = $1 and kind = $2 and taken_at < $3 and state = 'indexed'
    order by taken_at desc limit 1
) p on true
where n.device = $1 and n.kind = $2 and n.taken_at = $3 and n.state = 'indexed'

-- name: forget
delete from removal where device = $1 and kind = $2 and removed_at = $3

-- name: has_ended
select exists (select 1 from artifact where device = $1 and kind = $2 and removed_at = $3)

-- name: left
-- The times of what stayed, by the index of times.
select
    (select a.sort_at from artifact a
     where a.shard = any($4) and a.device = $1 and a.kind = $2
       and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
       and a.sort_at > '1900-01-01 00:00:00+00'
     order by a.sort_at, a.id limit 1) as oldest_at,
    (select a.sort_at from artifact a
     where a.shard = any($4) and a.device = $1 and a.kind = $2
       and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
       and a.sort_at > '1900-01-01 00:00:00+00'
     order by a.sort_at desc, a.id desc limit 1) as newest_at

-- name: left_by_holder
-- The same for each app, of kinds that phones clear; $4 where the payload names it.
select a.payload #>> $4::text[] as holder,
       min(nullif(a.sort_at, '1900-01-01 00:00:00+00')) as oldest_at,
       max(nullif(a.sort_at, '1900-01-01 00:00:00+00')) as newest_at
from artifact a
where a.device = $1 and a.kind = $2
  and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
group by 1

-- name: gone
-- What is there no more, with the revision before that in which its last version came.
select a.key, a.occurred_at, a.thread_id, a.added_at, a.payload::text as payload,
       (select max(p.taken_at) from kind_index p
        where p.device = $1 and p.kind = $2 and p.state = 'indexed' and p.taken_at < a.added_at)
           as seen_before
from artifact a
where a.device = $1 and a.kind = $2 and a.removed_at = $3
  and not exists (
      select 1 from artifact b
      where b.key = a.key and b.device = $1 and b.kind = $2 and b.added_at = $3
  )

-- name: from_trash
-- When things went, for one of the causes $4, whose last versions begin at one of the moments $3.
select distinct g.removed_at
from artifact a
join removal g on g.device = $1 and g.kind = $2 and g.key = a.key and g.removed_at = a.removed_at
where a.device = $1 and a.kind = $2 and a.added_at = any($3::timestamptz[])
  and a.removed_at is not null and a.removed_at <> all($3::timestamptz[])
  and g.cause = any($4::text[])

-- name: newest_of_oldest
-- The newest of what went before all that stayed: $4 the oldest that stayed.
select max(a.sort_at) from artifact a
where a.device = $1 and a.kind = $2 and a.removed_at = $3 and a.sort_at < $4
  and a.sort_at > '1900-01-01 00:00:00+00'
  and not exists (
      select 1 from artifact b
      where b.key = a.key and b.device = $1 and b.kind = $2 and b.added_at = $3
  )

-- name: empty_conversations
-- Those in which something ended and nothing is left.
select t.thread_id
from (
    select distinct thread_id from artifact
    where device = $1 and kind = $2 and removed_at = $3 and thread_id is not null
) t
where not exists (
    select 1 from artifact s
    where s.thread_id = t.thread_id
      and s.added_at <= $3 and (s.removed_at is null or s.removed_at > $3)
)

-- name: holders_gone
-- Which of the apps or accounts $5 nothing stayed of; $4 where the payload names them.
select h.holder from unnest($5::text[]) as h (holder)
where not exists (
    select 1 from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
      and a.payload #>> $4::text[] = h.holder
)

-- name: has_icloud
select exists (
    select 1 from artifact a
    where a.device = $1 and a.kind = $2
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
      and a.payload ->> 'is_in_icloud' = 'true'
)

-- name: cleared
-- Times that somebody cleared from a browser's history.
select (a.payload ->> 'cleared_from')::timestamptz as since,
       (a.payload ->> 'cleared_to')::timestamptz as until,
       a.payload ->> 'app' as app, a.payload ->> 'url' as url
from artifact a
where a.device = $1 and a.kind = $2
  and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
  and a.payload ->> 'type' = 'cleared'

-- name: perhaps_offloaded
-- What has a new version that names a file which is not in the backup, where one was before.
select b.key, b.attachments::text as before, n.attachments::text as after
from artifact b
join artifact n on n.key = b.key and n.device = $1 and n.kind = $2 and n.added_at = $3
where b.device = $1 and b.kind = $2 and b.removed_at = $3
  and b.attachments::text like '%"present":true%'
  and n.attachments::text like '%"present":false%'

-- name: note
insert into removal (device, kind, removed_at, key, cause, doubt)
select $1, $2, $3, r.key, r.cause, r.doubt
from unnest($4::text[], $5::text[], $6::text[]) as r (key, cause, doubt)

-- name: finish
update kind_index set rules = $4, oldest_at = $5
where device = $1 and kind = $2 and taken_at = $3

-- name: not_looked_into
-- Revisions of a device whose ends were looked into by other rules than $2.
select kind, taken_at from kind_index
where device = $1 and state = 'indexed' and rules <> $2
order by kind, taken_at
