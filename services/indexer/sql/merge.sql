-- Carries out history.observe on tables: $1 device, $2 kind, $3 the moment, $4 the next indexed
-- moment or null. `stage` holds what was seen, one row per key; `touched` collects threads whose
-- figures change. Rows that are the same before and after are not written.

-- name: make_touched
create temporary table touched (thread_id bigint) on commit drop

-- name: make_gone
create temporary table gone (
    id bigint, thread_id bigint, added_at timestamptz, removed_at timestamptz, goes_on boolean
) on commit drop

-- name: make_fresh
create temporary table fresh (
    key text, left_id bigint, right_id bigint, right_removed timestamptz, known_thread bigint
) on commit drop

-- name: drop_long_keys
-- Keys that are too long for the index; no phone writes any.
delete from stage where octet_length(key) > 1000

-- name: has_doubles
select exists (select 1 from stage group by key having count(*) > 1)

-- name: drop_doubles
-- All but the first artifact of each key.
delete from stage s
using (
    select ctid, row_number() over (partition by key order by place) as n from stage
) numbered
where s.ctid = numbered.ctid and numbered.n > 1

-- name: name_threads
-- $3 the moment, $4 the described threads. Words of an older revision do not replace those of a
-- newer one; threads without artifacts are left out.
insert into thread as t
    (id, device, kind, key, title, folded, is_group, participants, services, described_at)
select d.id, $1, $2, d.key, d.title, d.folded, d.is_group, d.participants, d.services, $3
from jsonb_to_recordset($4::jsonb) as d (
    id bigint, key text, title text, folded text, is_group boolean, participants text[],
    services text[]
)
where exists (select 1 from used_thread u where u.id = d.id)
on conflict (id) do update
set title = excluded.title, folded = excluded.folded, is_group = excluded.is_group,
    participants = excluded.participants, services = excluded.services,
    described_at = excluded.described_at
where excluded.described_at >= t.described_at
  and (excluded.title, excluded.is_group, excluded.participants, excluded.services)
      is distinct from (t.title, t.is_group, t.participants, t.services)

-- name: use_threads
-- $1 threads, $2 the moment: those in which there is something.
insert into used_thread
select t.id from unnest($1::bigint[]) as t (id)
where exists (
    select 1 from artifact a
    where a.thread_id = t.id and a.added_at <= $2 and (a.removed_at is null or a.removed_at > $2)
)

-- name: load_first
insert into artifact (
    device, kind, key, digest, thread_id, occurred_at, title, text, folded, sender_handle,
    is_me, payload, attachments, has_attachment, has_link, added_at
)
select $1, $2, s.key, s.digest, s.thread_id, s.occurred_at, s.title, s.text, s.folded,
       s.sender_handle, s.is_me, s.payload, s.attachments, s.has_attachment, s.has_link, $3
from stage s
order by s.place

-- name: has_double_rows
-- Whether a first run, whose rows lie in the table already, brought a key twice.
select exists (
    select 1 from artifact where device = $1 and kind = $2 group by key having count(*) > 1
)

-- name: drop_double_rows
delete from artifact a
using (
    select id, row_number() over (partition by key order by id) as n
    from artifact where device = $1 and kind = $2
) numbered
where a.id = numbered.id and numbered.n > 1

-- name: touch_all
insert into touched select id from thread where device = $1 and kind = $2

-- name: find_gone
-- What was there and is not seen. Run without nested loops, see storage_merge.
insert into gone
select a.id, a.thread_id, a.added_at, a.removed_at,
       ($4::timestamptz is not null and (a.removed_at is null or a.removed_at > $4))
from artifact a
where a.device = $1 and a.kind = $2
  and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
  and not exists (select 1 from stage s where s.key = a.key and s.digest = a.digest)

-- name: close_gone
-- $1 the moment, $2 the next one or null.
with tail as (
    insert into artifact (
        device, kind, key, digest, thread_id, occurred_at, title, text, folded, sender_handle,
        is_me, payload, attachments, has_attachment, has_link, added_at, removed_at
    )
    select a.device, a.kind, a.key, a.digest, a.thread_id, a.occurred_at, a.title, a.text,
           a.folded, a.sender_handle, a.is_me, a.payload, a.attachments, a.has_attachment,
           a.has_link, $2, a.removed_at
    from artifact a join gone g on g.id = a.id
    where g.added_at < $1 and g.goes_on
    order by a.id
), closed as (
    update artifact a set removed_at = $1 from gone g where a.id = g.id and g.added_at < $1
), moved as (
    update artifact a set added_at = $2 from gone g
    where a.id = g.id and g.added_at = $1 and g.goes_on
), dropped as (
    delete from artifact a using gone g where a.id = g.id and g.added_at = $1 and not g.goes_on
)
insert into touched select distinct thread_id from gone where thread_id is not null

-- name: find_fresh
-- What is seen and was not there, with the rows of the same pair that end and begin beside it.
insert into fresh
select s.key, l.id, r.id, r.removed_at, coalesce(l.thread_id, r.thread_id)
from stage s
left join artifact l on l.device = $1 and l.kind = $2 and l.key = s.key
    and l.digest = s.digest and l.removed_at = $3
left join artifact r on r.device = $1 and r.kind = $2 and r.key = s.key
    and r.digest = s.digest and r.added_at = $4::timestamptz
where not exists (
    select 1 from artifact a
    where a.device = $1 and a.kind = $2 and a.key = s.key and a.digest = s.digest
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
)

-- name: open_fresh
with extended as (
    update artifact a
    set removed_at = case when f.right_id is null then $4 else f.right_removed end
    from fresh f where a.id = f.left_id
), absorbed as (
    delete from artifact a using fresh f where a.id = f.right_id and f.left_id is not null
), moved as (
    update artifact a set added_at = $3 from fresh f
    where a.id = f.right_id and f.left_id is null
), opened as (
    insert into artifact (
        device, kind, key, digest, thread_id, occurred_at, title, text, folded, sender_handle,
        is_me, payload, attachments, has_attachment, has_link, added_at, removed_at
    )
    select $1, $2, s.key, s.digest, s.thread_id, s.occurred_at, s.title, s.text, s.folded,
           s.sender_handle, s.is_me, s.payload, s.attachments, s.has_attachment, s.has_link,
           $3, $4
    from fresh f
    join stage s on s.key = f.key
    where f.left_id is null and f.right_id is null
    order by s.place
    returning thread_id
)
insert into touched
select thread_id from opened where thread_id is not null
union select known_thread from fresh where known_thread is not null

-- name: forget_starting
-- $3 the moment that goes, $4 the next one or null.
with starting as (
    select a.id, a.thread_id,
           ($4::timestamptz is not null and (a.removed_at is null or a.removed_at > $4)) as goes_on
    from artifact a where a.device = $1 and a.kind = $2 and a.added_at = $3
), moved as (
    update artifact a set added_at = $4 from starting s where a.id = s.id and s.goes_on
), dropped as (
    delete from artifact a using starting s where a.id = s.id and not s.goes_on
)
insert into touched select distinct thread_id from starting where thread_id is not null

-- name: forget_ending
with ending as (
    select l.id, l.thread_id, r.id as right_id, r.removed_at as right_removed
    from artifact l
    left join artifact r on r.device = $1 and r.kind = $2 and r.key = l.key
        and r.digest = l.digest and r.added_at = $4::timestamptz
    where l.device = $1 and l.kind = $2 and l.removed_at = $3
), extended as (
    update artifact a
    set removed_at = case when e.right_id is null then $4 else e.right_removed end
    from ending e where a.id = e.id
), absorbed as (
    delete from artifact a using ending e where a.id = e.right_id
)
insert into touched select distinct thread_id from ending where thread_id is not null

-- name: count_threads
-- Current artifacts count; a thread of which nothing is left still says when it was.
with figures as (
    -- Of the index alone.
    select a.thread_id,
           -- use: counts thread_figures
    from artifact a
    where a.thread_id in (select thread_id from touched) and a.thread_id is not null
    group by a.thread_id
)
update thread t
set
    -- use: counts write_figures
    last_text = (
        -- A range of one: were it an equality, a table of one long thread would be walked by time.
        -- What is said in a message is its text; the text of other kinds is every word to search for.
        select left(case when a.kind = 'message' then coalesce(a.text, a.title)
                         else coalesce(a.title, a.text) end, 300)
        from artifact a
        where a.thread_id between t.id and t.id and (a.removed_at is null or f.current = 0)
          and coalesce(a.text, a.title) is not null
        order by a.thread_id desc, a.sort_at desc, a.id desc limit 1
    )
from figures f where t.id = f.thread_id

-- name: drop_empty_threads
delete from thread t
where t.id in (select thread_id from touched)
  and not exists (select 1 from artifact a where a.thread_id = t.id)

-- name: drop_anchors
delete from thread_anchor where thread_id in (select thread_id from touched)

-- name: set_anchors
insert into thread_anchor (thread_id, position, sort_at, artifact_id)
select thread_id, position, sort_at, id
from (
    select a.thread_id, a.sort_at, a.id,
           row_number() over (partition by a.thread_id order by a.sort_at, a.id) - 1 as position
    from artifact a
    where a.removed_at is null and a.thread_id in (select thread_id from touched)
      and a.thread_id is not null
) numbered
where position > 0 and position % 64 = 0

-- name: count_kind
insert into kind_total (device, kind, artifact_count, removed_count)
select $1, $2,
    (select count(*) from artifact a
     where a.device = $1 and a.kind = $2 and a.removed_at is null),
    (select count(distinct a.key) from artifact a
     where a.device = $1 and a.kind = $2 and a.removed_at is not null
       and not exists (
           select 1 from artifact b
           where b.device = $1 and b.kind = $2 and b.key = a.key and b.removed_at is null
       ))
on conflict (device, kind) do update
set artifact_count = excluded.artifact_count, removed_count = excluded.removed_count

-- name: count_moment
update kind_index k
set added = (select count(*) from artifact a
             where a.device = $1 and a.kind = $2 and a.added_at = k.taken_at),
    removed = (select count(*) from artifact a
               where a.device = $1 and a.kind = $2 and a.removed_at = k.taken_at)
where k.device = $1 and k.kind = $2 and k.state = 'indexed'
  and (k.taken_at = $3 or k.taken_at = $4::timestamptz)
