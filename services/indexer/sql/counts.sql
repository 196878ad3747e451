-- Figures of a newest revision by what it changed: $1 device, $2 kind, $3 the moment. `gone`, `fresh`
-- and `stage` are those of the merge.

-- name: is_plain
-- Whether rows only begin and end here: none that began here before goes, none goes on.
select not exists (select 1 from gone where added_at = $1)
    and not exists (select 1 from fresh where left_id is not null or right_id is not null)

-- name: make
create temporary table counted_key (key text) on commit drop;
create temporary table counted_thread (thread_id bigint, sort_at timestamptz) on commit drop

-- name: fill_keys
insert into counted_key
select key from stage union select a.key from gone g join artifact a on a.id = g.id

-- name: count_keys
-- Of the keys that changed: how many there are, and of how many there is nothing but versions.
select coalesce(sum(k.current), 0)::bigint as current,
       count(*) filter (where k.current = 0) as removed
from (
    select c.key, count(*) filter (where a.removed_at is null) as current
    from counted_key c
    join artifact a on a.device = $1 and a.kind = $2 and a.key = c.key
    group by c.key
) k

-- name: add_to_kind
-- $3 artifacts and $4 removed ones more than before.
update kind_total set artifact_count = artifact_count + $3, removed_count = removed_count + $4
where device = $1 and kind = $2

-- name: fill_threads
-- The threads in which anything began or ended, and from where on.
insert into counted_thread
select thread_id, min(sort_at) from (
    select a.thread_id, a.sort_at from artifact a
    where a.device = $1 and a.kind = $2 and a.added_at = $3
    union all
    select a.thread_id, a.sort_at from artifact a
    where a.device = $1 and a.kind = $2 and a.removed_at = $3
) changed
where thread_id is not null
group by thread_id

-- name: drop_anchors
delete from thread_anchor n using counted_thread c
where n.thread_id = c.thread_id and n.sort_at >= c.sort_at

-- name: set_anchors
-- Those that follow the last one that stayed; every 64th, as merge.sql sets them.
insert into thread_anchor (thread_id, position, sort_at, artifact_id)
select c.thread_id, n.position, n.sort_at, n.id
from counted_thread c
left join lateral (
    select b.position, b.sort_at, b.artifact_id from thread_anchor b
    where b.thread_id = c.thread_id order by b.position desc limit 1
) l on true
cross join lateral (
    select a.sort_at, a.id,
           coalesce(l.position, -1) + row_number() over (order by a.sort_at, a.id) as position
    from artifact a
    where a.thread_id = c.thread_id and a.removed_at is null
      and (a.sort_at, a.id) > (coalesce(l.sort_at, '-infinity'), coalesce(l.artifact_id, 0))
) n
where n.position > 0 and n.position % 64 = 0

-- name: thread_figures
-- Part of statements that count artifacts `a` of threads. Current ones count, and where nothing is left
-- those of then say when it was. sort_at is occurred_at, or 1900 for none.
count(*) filter (where a.removed_at is null) as current,
count(*) filter (where a.removed_at is not null) as removed,
nullif(coalesce(
    min(a.sort_at) filter (where a.removed_at is null and a.sort_at > '1900-01-01 00:00:00+00'),
    min(a.sort_at) filter (where a.sort_at > '1900-01-01 00:00:00+00')
), '1900-01-01 00:00:00+00') as first_at,
nullif(coalesce(
    max(a.sort_at) filter (where a.removed_at is null and a.sort_at > '1900-01-01 00:00:00+00'),
    max(a.sort_at)
), '1900-01-01 00:00:00+00') as last_at

-- name: write_figures
-- Part of statements that write such figures `f` to threads; what else they write follows.
artifact_count = f.current, removed_count = f.removed, first_at = f.first_at,
last_at = f.last_at, sort_at = coalesce(f.last_at, '1900-01-01 00:00:00+00'),
