-- One history over devices that follow each other, see lineage.py: rows that newer devices have as
-- well are marked in `superseded`, and threads are stitched. The rows themselves stay as they are.

-- name: members
select device, place from lineage_device where lineage = $1 order by place

-- name: kinds
-- The kinds of which devices $1 have anything.
select distinct kind from kind_index where device = any($1::text[])

-- name: leave
-- Leave all kinds of devices $2 to who arranges the lineages $1.
insert into lineage_left (lineage, kind)
select distinct n.lineage, k.kind
from unnest($1::text[]) n (lineage), kind_index k where k.device = any($2::text[])
on conflict do nothing

-- name: left
-- What is to be arranged, small kinds first: of each lineage, with about as many rows as it has.
select l.lineage, l.kind, coalesce(sum(t.artifact_count + t.removed_count), 0)::bigint as rows
from lineage_left l
join lineage_device d on d.lineage = l.lineage
left join kind_total t on t.device = d.device and t.kind = l.kind
group by l.lineage, l.kind
order by rows, l.lineage, l.kind

-- name: shards
-- The tables that may hold rows of devices $1 and kind $2.
select shard from artifact_shard
where state = 'attached' and coalesce(device = any($1::text[]), true) and coalesce(kind = $2, true)

-- name: unmark
-- $1 timelines.
delete from superseded where timeline = any($1::bigint[])

-- name: mark_all
-- $1 lineage, $2 kind, $3 devices with $4 their timelines, $5 tables. The moment from which on a newer
-- device has a key is the first one of any of them. Run without nested loops.
with held as (
    select a.id, a.key, m.place, a.added_at, m.device, a.removed_at is null as is_current
    from artifact a join lineage_device m on m.device = a.device
    where m.lineage = $1 and a.device = any($3::text[]) and a.kind = $2 and a.shard = any($5::int[])
), firsts as (
    select key, place, min(added_at) as added_at, min(id) as id, bool_or(is_current) as has_current
    from held group by key, place
)
insert into superseded (artifact_id, since, timeline, is_current)
select h.id, min(f.added_at), min(t.timeline),
       case when bool_or(h.is_current) then true
            when bool_or(o.id = h.id and not o.has_current) then false end
from held h
join firsts f on f.key = h.key and f.place > h.place
join firsts o on o.key = h.key and o.place = h.place
join unnest($3::text[], $4::bigint[]) t (device, timeline) on t.device = h.device
group by h.id

-- name: make_changed
create temporary table changed (key text) on commit drop

-- name: note_changed
-- The keys that a merge is about to write rows of.
insert into changed
select key from fresh union select a.key from gone g join artifact a on a.id = g.id

-- name: unmark_written
-- The rows that a merge may remove; those that stay are marked anew by their keys.
delete from superseded s using (
    select id from gone union all select right_id from fresh where right_id is not null
) w
where s.artifact_id = w.id

-- name: make_held
create temporary table held (
    id bigint, key text, place integer, added_at timestamptz, thread_id bigint, timeline bigint,
    is_current boolean
) on commit drop

-- name: find_held
-- All rows of `changed` keys: $1 lineage, $2 kind, $3 devices with $4 their timelines, $5 tables.
insert into held
select a.id, a.key, m.place, a.added_at, a.thread_id, t.timeline, a.removed_at is null
from changed c
join artifact a on a.key = c.key and a.kind = $2 and a.device = any($3::text[])
    and a.shard = any($5::int[])
join lineage_device m on m.device = a.device and m.lineage = $1
join unnest($3::text[], $4::bigint[]) t (device, timeline) on t.device = a.device

-- name: unmark_held
delete from superseded s using held h where s.artifact_id = h.id

-- name: mark_held
insert into superseded (artifact_id, since, timeline, is_current)
select h.id, min(n.added_at), min(h.timeline),
       case when bool_or(h.is_current) then true when bool_or(h.stands_for_removed) then false end
from (
    select *, id = min(id) over k and not bool_or(is_current) over k as stands_for_removed
    from held window k as (partition by key, place)
) h
join held n on n.key = h.key and n.place > h.place
group by h.id

-- name: parts
-- The threads of a kind $2 of devices $1.
select t.id, t.device, t.key, t.is_group, t.participants from thread t
where t.device = any($1::text[]) and t.kind = $2

-- name: drop_stitched
delete from stitched_thread where id = any($1::bigint[])

-- name: describe_stitched
-- $1 lineage, $2 stitched threads.
insert into stitched_thread
    (id, lineage, device, kind, key, title, folded, is_group, participants, services)
select t.id, $1, t.device, t.kind, t.key, t.title, t.folded, t.is_group, t.participants, t.services
from thread t where t.id = any($2::bigint[])

-- name: redescribe_stitched
-- $1 lineage, $2 kind: the newest thread may have got other words.
update stitched_thread s
set title = t.title, folded = t.folded, is_group = t.is_group, participants = t.participants,
    services = t.services
from thread t
where s.lineage = $1 and s.kind = $2 and t.id = s.id
  and (t.title, t.folded, t.is_group, t.participants, t.services)
      is distinct from (s.title, s.folded, s.is_group, s.participants, s.services)

-- name: add_part
insert into stitched_part (thread_id, stitched_id, place) values ($1, $2, $3)

-- name: clear_stitched
update stitched_thread
set artifact_count = 0, removed_count = 0, first_at = null, last_at = null, last_text = null,
    sort_at = '1900-01-01 00:00:00+00'
where id = any($1::bigint[])

-- name: count_stitched
-- $1 stitched threads, $2 tables: figures like those of count_threads, of what is not superseded.
-- {held} joins the artifacts of a part; {of_part} and {newest} look for the last one of it.
with figures as (
    select p.stitched_id,
           -- use: counts thread_figures
    from stitched_part p {held}
    where p.stitched_id = any($1::bigint[]) and a.shard = any($2::int[])
      and not exists (select 1 from superseded s where s.artifact_id = a.id)
    group by p.stitched_id
)
update stitched_thread t
set
    -- use: counts write_figures
    last_text = (
        select l.said from stitched_part p
        cross join lateral (
            select left(case when a.kind = 'message' then coalesce(a.text, a.title)
                             else coalesce(a.title, a.text) end, 300) as said, a.sort_at, a.id
            from {of_part} and a.shard = any($2::int[])
              and (a.removed_at is null or f.current = 0) and coalesce(a.text, a.title) is not null
              and coalesce((select false from superseded s where s.artifact_id = a.id), true)
            order by {newest} limit 1
        ) l
        where p.stitched_id = t.id
        order by l.sort_at desc, l.id desc limit 1
    )
from figures f where t.id = f.stitched_id

-- name: anchor_stitched
-- $1 stitched threads, $2 tables. Closer together than those of threads: what lies between two of them
-- is counted over several devices, and each is asked whether it is superseded.
insert into stitched_anchor (stitched_id, position, sort_at, artifact_id)
select stitched_id, position, sort_at, id
from (
    select p.stitched_id, a.sort_at, a.id,
           row_number() over (partition by p.stitched_id order by a.sort_at, a.id) - 1 as position
    from stitched_part p {held}
    where p.stitched_id = any($1::bigint[]) and a.shard = any($2::int[]) and a.removed_at is null
      and not exists (select 1 from superseded s where s.artifact_id = a.id)
) numbered
where position > 0 and position % 16 = 0

-- name: links
-- $1 state, $2 device, $3 id, each or null. Offers of devices of which nothing is indexed are not listed.
select l.*, (
           select j.id from job j
           where j.kind = 'lineage' and j.request ->> 'link_id' = l.id::text
           order by j.created_at desc limit 1
       ) as job_id
from lineage_link l
where ($1::text is null or l.state = $1)
  and ($2::text is null or $2 in (l.earlier, l.later))
  and ($3::uuid is null or l.id = $3)
  and (l.state <> 'offered' or l.id = $3 or (
      exists (select 1 from revision r where r.device = l.earlier)
      and exists (select 1 from revision r where r.device = l.later)
  ))
order by l.state <> 'offered', l.decided_at desc, l.number desc

-- name: offer
-- $1 id, $2 the earlier device, $3 the later one, $4 whether that is certain, $5 why.
insert into lineage_link as l (id, earlier, later, state, is_directed, evidence)
values ($1, $2, $3, 'offered', $4, $5)
on conflict (least(earlier, later), greatest(earlier, later)) do update
set earlier = excluded.earlier, later = excluded.later, is_directed = excluded.is_directed,
    evidence = excluded.evidence
where l.state = 'offered'

-- name: unlooked
select k.device from kind_index k left join lineage_look l on l.device = k.device
group by k.device, l.indexed_at
having l.indexed_at is null or max(k.indexed_at) > l.indexed_at
order by k.device

-- name: looked
insert into lineage_look (device, indexed_at) values ($1, $2)
on conflict (device) do update set indexed_at = excluded.indexed_at

-- name: sample_open
-- Of the table that takes everything: $1 device, $2 kind, $3 whether only what the owner wrote, $4 rows
-- to choose from, $5 how many, $6 what keys look like that a phone made up. The choice follows from the keys, so the same ones are taken again.
select s.key, s.is_me, hashtext(s.key) as place
from (
    select a.key, a.is_me from artifact_0 a
    where a.device = $1 and a.kind = $2 and a.removed_at is null limit $4
) s
where (s.is_me or not $3)
  and s.key ~* $6
order by place limit $5

-- name: sample_table
-- Of one of the tables of a first run: some of its pages. $1 and $2 as $3 and $6 above.
select s.key, s.is_me, hashtext(s.key) as place
from artifact_{shard} s tablesample system ({percent}) repeatable (1)
where (s.is_me or not $1)
  and s.key ~* $2
order by place limit {most}

-- name: sampled_elsewhere
-- On which devices keys $1 of kind $3 are, other than $4, or on $5; with $2 whether the owner wrote it.
select a.device, count(distinct s.key) as found
from unnest($1::text[], $2::boolean[]) as s (key, is_me)
join artifact a on a.key = s.key and a.kind = $3 and a.is_me = s.is_me
where a.device <> $4 and ($5::text is null or a.device = $5)
  and a.shard = any(array(
      select t.shard from artifact_shard t
      where t.state = 'attached' and coalesce(t.kind = $3, true) and coalesce(t.device <> $4, true)
  ))
group by a.device

-- name: listed
-- Threads where lineages count as one.
select s.id, s.device, s.kind, s.key, s.title, s.folded, s.is_group, s.participants, s.services,
       s.artifact_count, s.first_at, s.last_at, s.last_text, s.sort_at
from stitched_thread s where s.artifact_count + s.removed_count > 0
union all
select o.id, o.device, o.kind, o.key, o.title, o.folded, o.is_group, o.participants, o.services,
       o.artifact_count, o.first_at, o.last_at, o.last_text, o.sort_at
from thread o where not exists (select 1 from stitched_part p where p.thread_id = o.id)

-- name: devices of
-- The devices that have something in stitched threads $1.
select p.stitched_id, array_agg(t.device order by p.place) as devices
from stitched_part p join thread t on t.id = p.thread_id
where p.stitched_id = any($1::bigint[])
group by p.stitched_id

-- name: parts of
-- The threads of the stitched thread that $1 is part of, with the tables of each.
select p.stitched_id, p.thread_id, t.kind, array(
           select s.shard from artifact_shard s
           where s.state = 'attached' and coalesce(s.device = t.device, true)
             and coalesce(s.kind = t.kind, true)
           order by s.shard
       ) as shards
from stitched_part o
join stitched_part p on p.stitched_id = o.stitched_id
join thread t on t.id = p.thread_id
where o.thread_id = $1
order by p.place desc

-- name: positions
-- Of artifacts $1 in threads $2 at times $3: how many of the stitched thread come before each.
select h.id, coalesce(n.position, 0) + (
           select count(*) from (select * from stitched_part q where q.stitched_id = p.stitched_id) p
           {held}
           where a.removed_at is null
             and (a.sort_at, a.id) >= (coalesce(n.sort_at, '0001-01-01 00:00:00+00'),
                                       coalesce(n.artifact_id, 0))
             and (a.sort_at, a.id) < (h.sort_at, h.id)
             and coalesce((select false from superseded s where s.artifact_id = a.id), true)
       ) as position
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as h (id, thread_id, sort_at)
join stitched_part p on p.thread_id = h.thread_id
left join lateral (
    select a.position, a.sort_at, a.artifact_id from stitched_anchor a
    where a.stitched_id = p.stitched_id and (a.sort_at, a.artifact_id) <= (h.sort_at, h.id)
    order by a.sort_at desc, a.artifact_id desc limit 1
) n on true

-- name: places
-- Of artifacts $1 in threads $2 at times $3, once for each part of their stitched thread: where counting
-- begins, and in which thread of which device.
select h.id, h.sort_at, q.thread_id, t.device, t.kind,
       coalesce(n.position, 0) as anchor_position,
       coalesce(n.sort_at, '0001-01-01 00:00:00+00') as anchor_at,
       coalesce(n.artifact_id, 0) as anchor_id
from unnest($1::bigint[], $2::bigint[], $3::timestamptz[]) as h (id, thread_id, sort_at)
join stitched_part p on p.thread_id = h.thread_id
left join lateral (
    select a.position, a.sort_at, a.artifact_id from stitched_anchor a
    where a.stitched_id = p.stitched_id and (a.sort_at, a.artifact_id) <= (h.sort_at, h.id)
    order by a.sort_at desc, a.artifact_id desc limit 1
) n on true
join stitched_part q on q.stitched_id = p.stitched_id
join thread t on t.id = q.thread_id

-- name: revision
-- $1 devices, $2 digest; $3 the device whose own comes first.
select device, taken_at from revision
where device = any($1::text[]) and digest = $2
order by device <> $3, device limit 1

-- name: count_between
-- $1 kind, $2 device and $3 moment, $4 another device and $5 its moment.
with before as (
    select a.key, a.digest from artifact a
    where a.device = $2 and a.kind = $1
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
), after as (
    select a.key, a.digest from artifact a
    where a.device = $4 and a.kind = $1
      and a.added_at <= $5 and (a.removed_at is null or a.removed_at > $5)
)
select count(*) filter (where b.key is null) as added,
       count(*) filter (where a.key is null) as removed,
       count(*) filter (where a.digest <> b.digest) as changed
from before b full join after a on a.key = b.key

-- name: differences_between
-- As above; $6 the key after which the page begins or null, $7 its length.
with before as (
    select a.id, a.key, a.digest from artifact a
    where a.device = $2 and a.kind = $1 and ($6::text is null or a.key > $6)
      and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
), after as (
    select a.id, a.key, a.digest from artifact a
    where a.device = $4 and a.kind = $1 and ($6::text is null or a.key > $6)
      and a.added_at <= $5 and (a.removed_at is null or a.removed_at > $5)
)
select coalesce(b.key, a.key) as key, b.id as before_id, a.id as after_id, null as removal
from before b full join after a on a.key = b.key
where b.digest is distinct from a.digest
order by 1 limit $7
