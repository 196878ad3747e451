-- Who is who: reading cards and handles, and writing persons. See people.storage.

-- name: cards
-- The cards of the newest revision of device $1.
select a.key, coalesce(a.title, '') as name, x.handles::text as handles,
       x.unified_with::text as unified_with, coalesce(x.is_me, false) as is_me,
       coalesce(x.is_preferred, true) as is_preferred
from artifact a
cross join lateral json_to_record(a.payload) as x (
    handles json, unified_with json, is_me boolean, is_preferred boolean
)
where a.device = $1 and a.kind = 'contact' and a.removed_at is null

-- name: unseen
-- Handles of device $1 and kind $2 that are not known yet, in what was added at $3 or in all: who sent
-- something, which is $4 if that is known, and who takes part. Groups, lists and channels are nobody;
-- longer ones are forged.
select f.handle from (
    select a.sender_handle as handle from artifact a
    where $4::text[] is null
      and a.device = $1 and a.kind = $2 and ($3::timestamptz is null or a.added_at = $3)
      and a.sender_handle is not null
    union
    select s.handle from unnest($4::text[]) s (handle)
    union
    select p.handle from thread t cross join lateral unnest(t.participants) p (handle)
    where t.device = $1 and t.kind = $2
) f
where octet_length(f.handle) between 1 and 500
  and f.handle !~ '@(g\.us|broadcast|newsletter)$'
  and not exists (
      select 1 from seen_handle s where s.device = $1 and s.kind = $2 and s.handle = f.handle
  )

-- name: senders
-- Who sent anything that lies in one table, from one to the next by the index of senders: there are
-- few, and many rows of each. At most {most}.
with recursive s as (
    (select sender_handle from {table} where sender_handle is not null
     order by sender_handle limit 1)
    union all
    select (select a.sender_handle from {table} a where a.sender_handle > s.sender_handle
            order by a.sender_handle limit 1)
    from s where s.sender_handle is not null
)
select sender_handle from s where sender_handle is not null limit {most}

-- name: chats
-- What an app says of chats of device $1 and kind $2, in what was added at $3 or in all.
select a.payload::text as payload from artifact a
where a.device = $1 and a.kind = $2 and ($3::timestamptz is null or a.added_at = $3)
  and a.removed_at is null and a.key like '%:chat:%'

-- name: see
insert into seen_handle (device, kind, handle)
select $1, $2, handle from unnest($3::text[]) handle
on conflict do nothing

-- name: call
-- Names $4, folded $5, of handles $3 of device $1 and kind $2.
insert into seen_handle as s (device, kind, handle, name, folded)
select $1, $2, n.handle, n.name, n.folded
from unnest($3::text[], $4::text[], $5::text[]) n (handle, name, folded)
on conflict (device, kind, handle) do update set name = excluded.name, folded = excluded.folded

-- name: said
-- What handles are called where no card of now says it: by former cards, then by apps; those of the
-- device that was backed up last come first.
select s.handle, s.name from (
    select b.device, b.handle, b.name, 0 as place from address_book b
    union all
    select s.device, s.handle, s.name, 1 as place from seen_handle s where s.name is not null
) s
left join (select device, max(taken_at) as taken_at from revision group by device) r
    on r.device = s.device
order by s.place, r.taken_at desc nulls last, s.device, s.name

-- name: write persons
insert into person as p (id, given_name, known_name, name, folded, rank, is_me)
select * from unnest(
    $1::uuid[], $2::text[], $3::text[], $4::text[], $5::text[], $6::smallint[], $7::boolean[]
)
on conflict (id) do update
set given_name = excluded.given_name, known_name = excluded.known_name, name = excluded.name,
    folded = excluded.folded, rank = excluded.rank, is_me = excluded.is_me

-- name: write handles
insert into person_handle (handle, person_id, origin)
select * from unnest($1::text[], $2::uuid[], $3::text[])
on conflict (handle) do update set person_id = excluded.person_id, origin = excluded.origin

-- name: write cards
insert into person_card (device, key, person_id, is_me)
select * from unnest($1::text[], $2::text[], $3::uuid[], $4::boolean[])
on conflict (device, key) do update set person_id = excluded.person_id, is_me = excluded.is_me

-- name: meant
-- Who is meant by handles $2 on devices $1; an empty handle is the owner of the device.
select w.device, w.handle, coalesce(p.given_name, b.name, p.known_name) as name,
       p.id::text as person_id
from unnest($1::text[], $2::text[]) w (device, handle)
left join address_book b on b.device = w.device and b.handle = w.handle
left join person_handle h on h.handle = w.handle
left join person_card me on me.is_me and w.handle = '' and me.device = w.device
left join person p on p.id = coalesce(h.person_id, me.person_id)
where b.name is not null or p.id is not null

-- name: listed
-- People as lists show them, with the first handles of each.
select p.id::text as id, p.rank, p.folded, p.name, p.is_me, h.handles[1:50] as handles,
       cardinality(h.handles) as handle_count, c.card_count
from person p
cross join lateral (
    select array_agg(h.handle order by h.handle) as handles from person_handle h
    where h.person_id = p.id
) h
cross join lateral (
    select count(*) as card_count from person_card c where c.person_id = p.id
) c
where {where}
order by p.rank, p.folded, p.id limit {limit}

-- name: one
select p.id::text as id, p.name, p.given_name, p.is_me from person p where p.id = $1

-- name: origins
-- The handles of a person $1, with where each stands on a card or was seen.
select h.handle, h.origin,
       array(
           select c.device from contact_card c where c.handles @> array[h.handle]
           union select s.device from seen_handle s where s.handle = h.handle order by device
       ) as devices,
       array(
           select 'contact' from contact_card c where c.handles @> array[h.handle]
           union select s.kind from seen_handle s where s.handle = h.handle order by 1
       ) as kinds
from person_handle h where h.person_id = $1
order by h.handle limit $2

-- name: own cards
-- The cards of a person $1; of one who has none, those on which the handles $2 stand.
select a.id::text as artifact_id, c.device, coalesce(a.title, '') as name, c.is_me
from contact_card c
left join person_card o on o.device = c.device and o.key = c.key
join artifact a on a.device = c.device and a.kind = 'contact' and a.key = c.key
    and a.removed_at is null
where o.person_id = $1
   or (c.handles && $2::text[] and not exists (select 1 from person_card m where m.person_id = $1))
order by c.device, name, c.key limit $3

-- name: figures
select count(*) as thread_count, min(t.first_at) as first_at, max(t.last_at) as last_at
from {threads} where t.participants && $1::text[]

-- name: owned
select h.handle from person_handle h where h.person_id = $1 order by h.handle

-- name: owner
select h.person_id from person_handle h where h.handle = $1

-- name: owned devices
-- The devices of whoever has handles $1, as their own cards say.
select distinct c.device from person_card c
where c.is_me and c.person_id in (
    select h.person_id from person_handle h where h.handle = any($1::text[])
)
order by c.device
