-- What lies in several threads, see storage_members: $1 device, $2 kind.

-- name: drop_lost
-- Rows go when revisions are found late or forgotten; their numbers never come again.
delete from thread_member m
where m.device = $1 and m.kind = $2
  and not exists (select 1 from artifact a where a.id = m.artifact_id)

-- name: has_any
select exists (select 1 from thread_member where device = $1 and kind = $2)

-- name: albums
-- The keys of albums that rows name which begin at the moments $3; null: at any.
select distinct e.album ->> 'key' as key
from artifact a
cross join lateral json_array_elements(
    case when json_typeof(a.payload -> 'albums') = 'array' then a.payload -> 'albums' end
) as e (album)
where a.device = $1 and a.kind = $2
  and ($3::timestamptz[] is null or a.added_at = any($3))

-- name: add
-- The same rows; $4 keys of albums and $5 their threads.
insert into thread_member (thread_id, sort_at, artifact_id, device, kind)
select a.thread_id, a.sort_at, a.id, $1, $2
from artifact a
where a.device = $1 and a.kind = $2 and a.thread_id is not null
  and ($3::timestamptz[] is null or a.added_at = any($3))
union
select k.thread_id, a.sort_at, a.id, $1, $2
from artifact a
cross join lateral json_array_elements(
    case when json_typeof(a.payload -> 'albums') = 'array' then a.payload -> 'albums' end
) as e (album)
join unnest($4::text[], $5::bigint[]) as k (key, thread_id) on k.key = e.album ->> 'key'
where a.device = $1 and a.kind = $2
  and ($3::timestamptz[] is null or a.added_at = any($3))
on conflict do nothing

-- name: use
-- $1 threads, $2 the moment: those in which there is something.
insert into used_thread
select t.id from unnest($1::bigint[]) as t (id)
where exists (
    select 1 from thread_member m join artifact a on a.id = m.artifact_id
    where m.thread_id = t.id and a.added_at <= $2
      and (a.removed_at is null or a.removed_at > $2)
)

-- name: count_threads
-- As for threads of one: current artifacts count, and where there is nothing left, those of then.
with figures as (
    select m.thread_id,
           -- use: counts thread_figures
    from thread_member m join artifact a on a.id = m.artifact_id
    where m.device = $1 and m.kind = $2
    group by m.thread_id
)
update thread t
set
    -- use: counts write_figures
    last_text = (
        select left(coalesce(a.title, a.text), 300)
        from thread_member m join artifact a on a.id = m.artifact_id
        where m.thread_id = t.id and (a.removed_at is null or f.current = 0)
          and coalesce(a.text, a.title) is not null
        order by m.sort_at desc, m.artifact_id desc limit 1
    )
from figures f where t.id = f.thread_id

-- name: drop_empty_threads
delete from thread t
where t.device = $1 and t.kind = $2
  and not exists (select 1 from thread_member m where m.thread_id = t.id)

-- name: drop_anchors
delete from thread_anchor n using thread t
where n.thread_id = t.id and t.device = $1 and t.kind = $2

-- name: set_anchors
insert into thread_anchor (thread_id, position, sort_at, artifact_id)
select thread_id, position, sort_at, artifact_id
from (
    select m.thread_id, m.sort_at, m.artifact_id,
           row_number() over (partition by m.thread_id order by m.sort_at, m.artifact_id) - 1
               as position
    from thread_member m join artifact a on a.id = m.artifact_id
    where m.device = $1 and m.kind = $2 and a.removed_at is null
) numbered
where position > 0 and position % 64 = 0
