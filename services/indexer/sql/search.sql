-- Searching; the conditions and their parameters are put together in search.plan.

-- name: begin
-- Statements are planned once per connection: planning takes as long as running them, more where
-- there are many tables. The processes that would share a search take longer to start than most run,
-- and announcing pages to a system that has them in memory takes as long as reading them.
begin read only;
set local statement_timeout = {timeout_ms};
set local plan_cache_mode = force_generic_plan;
set local max_parallel_workers_per_gather = 0;
set local effective_io_concurrency = 0

-- name: newest words
select tsvector_to_array(a.search) as words from artifact a order by a.sort_at desc, a.id desc limit 50

-- name: known
-- Hits are found: what follows goes by ids, and is planned once per connection again.
set local plan_cache_mode = force_generic_plan

-- name: scope
-- The tables that may hold what is asked for, with what has to be known beside them: $1 devices,
-- $2 kinds, $3 threads, $4 people. {words} and {excluded} are queries. From here on no plan reads a table
-- whole, because it must stay right when a table has grown that was empty then; and when more than
-- $5 artifacts lie in the conversations asked for, statements are planned for their values: how much
-- somebody wrote decides which index is right. `is_needed` is false for the open table where it holds
-- nothing of the kinds, or of the devices: asked by a first one of each, which is in an index, for any one
-- would be looked for by reading the table.
select s.shard, s.device, s.kind, s.has_substring, s.has_words, s.has_dated, s.has_paired,
       case when s.shard = 0 then (select reltuples from pg_class where oid = 'artifact_0'::regclass)
            else s.row_count end as row_count,
       case when s.shard = 0 then (select min(sort_at) from artifact_0) else s.first_at end as first_at,
       case when s.shard = 0 then (select max(sort_at) from artifact_0) else s.last_at end as last_at,
       s.shard > 0
           or (asked.has_kinds and asked.has_devices) as is_needed,
       asked.words, asked.excluded, asked.person_threads, asked.thread_rows, asked.tables,
       set_config('enable_seqscan', 'off', true) as indexed,
       case when asked.thread_rows > $5
            then set_config('plan_cache_mode', 'force_custom_plan', true) end as planned
from artifact_shard s
cross join (
    select ({words})::text as words, ({excluded})::text as excluded,
           (select array_agg(t.id) from thread t where t.participants && $4::text[])
               as person_threads,
           case when $3::bigint[] is not null or $4::text[] is not null then (
               select coalesce(sum(t.artifact_count + t.removed_count), 0)::bigint from thread t
               where t.id = any($3) or t.participants && $4
           ) end as thread_rows,
           (select count(*) from artifact_shard t where t.state = 'attached') as tables,
           $2::text[] is null or exists (
               select 1 from unnest($2) k (kind)
               where (select min(a.sort_at) from artifact_0 a where a.kind = k.kind) is not null
           ) as has_kinds,
           $1::text[] is null or exists (
               select 1 from unnest($1) d (device)
               where (select min(a.kind) from artifact_0 a where a.device = d.device) is not null
           ) as has_devices
    offset 0
) asked
where s.state = 'attached'
  and ($1::text[] is null or s.device is null or s.device = any($1))
  and ($2::text[] is null or s.kind is null or s.kind = any($2))
  and ($3::bigint[] is null or exists (
      select 1 from thread t
      where t.id = any($3) and coalesce(s.device, t.device) = t.device
        and coalesce(s.kind, t.kind) = t.kind
  ))

-- name: packed
-- Hits as columns of numbers, which come over in a tenth of the time of rows. They are aggregated in
-- the order in which they are found.
select string_agg(int4send(f.shard), ''::bytea) as shards, string_agg(int8send(f.id), ''::bytea) as ids,
       string_agg(timestamptz_send(f.sort_at), ''::bytea) as times,
       string_agg(float8send(f.rank), ''::bytea) as ranks,
       array_agg(f.kind) filter (where f.shard = 0) as kinds,
       array_agg(f.device) filter (where f.shard = 0) as devices
from (
{hits}
) f

-- name: walked
-- Hits among the artifacts next to a place in time, read one after the other.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from (
    select * from artifact a where {tables} and {bounds}
    order by a.sort_at {way}, a.id {way} limit {walked}
) a
where {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: narrow
-- Hits among the artifacts of conversations, or of somebody. Where those are few, {nearby} leaves it to
-- {bounds} to say of which time: an index of time would have to be read from one end to the other.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from (select * from artifact a where {tables} and {of_whom} and {nearby} offset 0) a
where {bounds} and {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: read
-- Hits among all artifacts of a short time, read in order until there are enough.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from (
    select * from artifact a where {tables} and {bounds}
    order by a.sort_at {way}, a.id {way} offset 0
) a
where {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: filtered
-- Everything that fits, where no word is looked for: in order, from whatever index there is.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from artifact a where {tables} and {bounds} and {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: indexed
-- Hits by the index of what is looked for. `offset 0` keeps the planner from walking by time instead:
-- a word whose hits are all old would make it read everything.
select a.shard, a.id, a.sort_at, {rank} as rank, a.kind, a.device
from (
    select * from ({hits} offset 0) a
    where {bounds}
    order by a.sort_at {way}, a.id {way} limit {limit}
) a

-- name: indexed once
-- The same where a lineage counts as one: whether something is left out is asked of the first ones only,
-- in their order, until there are enough.
select a.shard, a.id, a.sort_at, {rank} as rank, a.kind, a.device
from (
    select * from ({hits} offset 0) a
    where {bounds}
    order by a.sort_at {way}, a.id {way} offset 0
) a
where {once} limit {limit}

-- name: pairs
-- The marks of pairs: $1 the words that come first, $2 those that follow.
select pair_mark(p.former, p.latter) as mark from unnest($1::text[], $2::text[]) as p (former, latter)

-- name: matched
-- Words that an index has found are looked at again by a function: the operator would have the index of
-- words gather every hit of the table as well.
ts_match_vq(a.search, {query})

-- name: paired
paired_words(a.search, a.sort_at) @@ {query}

-- name: dated
dated_words(a.search, a.sort_at, a.has_attachment, a.has_link) @@ {query}

-- name: superseded
-- How many artifacts of timelines $1 are left out where lineages count as one.
select t.timeline, t.artifact_count from superseded_total t where t.timeline = any($1::bigint[])

-- name: hits
-- What a table holds of one kind and device is known without reading it from the rows.
select a.shard, a.id, a.sort_at, {searched}
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from {table} a where {where}

-- name: shown
-- $1 tables and $2 ids of rows, {shards} all those tables. With the nearest anchor before each, from which
-- positions are counted. Row by row, because each lies in one table.
select a.shard, {columns}, t.title as thread_title, t.key as thread_key, t.participants,
       coalesce(anchor.position, 0) as anchor_position,
       coalesce(anchor.sort_at, '0001-01-01 00:00:00+00') as anchor_at,
       coalesce(anchor.artifact_id, 0) as anchor_id
from unnest($1::int[], $2::bigint[]) as h (shard, id)
cross join lateral (
    select * from artifact a
    where a.shard = h.shard and a.id = h.id and a.shard = any(array[{shards}]) offset 0
) a
left join thread t on t.id = a.thread_id
left join lateral (
    select n.position, n.sort_at, n.artifact_id from thread_anchor n
    where n.thread_id = a.thread_id and (n.sort_at, n.artifact_id) <= (a.sort_at, a.id)
    order by n.sort_at desc, n.artifact_id desc limit 1
) anchor on true

-- name: counted
-- How many current artifacts lie between anchors and rows, looked for in all tables: by index alone,
-- which naming a table would not be, because no index holds its number.
select (
    select count(*) from artifact b
    where b.thread_id = h.thread_id and b.removed_at is null and {seen}
      and (b.sort_at, b.id) >= (h.anchor_at, h.anchor_id)
      and (b.sort_at, b.id) < (h.sort_at, h.id)
) as counted, h.id
from unnest(
    $1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::timestamptz[]
) as h (thread_id, anchor_at, anchor_id, id, sort_at)

-- name: counted in tables
-- The same where there are many tables: the arrays name one for each row, $6. Each table is asked by
-- itself, because of one that is named in a row the index alone is not enough.
with h as materialized (
    select * from unnest(
        $1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::int[]
    ) as h (thread_id, anchor_at, anchor_id, id, sort_at, shard)
)
{tables}

-- name: counted in a table
select (
    select count(*) from artifact_{shard} b
    where b.thread_id = h.thread_id and b.removed_at is null and {seen}
      and (b.sort_at, b.id) >= (h.anchor_at, h.anchor_id)
      and (b.sort_at, b.id) < (h.sort_at, h.id)
) as counted, h.id
from h where h.shard = {shard}

-- name: handles
-- All handles of the people whose name, on devices $2 or all, fits one of the patterns $1, or who have
-- one of the handles $4. A contact is found by its name before anybody knows who it is.
with meant as (
    select p.id from person p where p.folded like any($1::text[])
    union
    select h.person_id from person_handle h where h.handle = any($4::text[])
    union
    select h.person_id from seen_handle s join person_handle h on h.handle = s.handle
    where s.folded like any($1::text[]) and ($2::text[] is null or s.device = any($2))
    union
    select h.person_id from address_book b join person_handle h on h.handle = b.handle
    where b.folded like any($1::text[]) and ($2::text[] is null or b.device = any($2))
)
select h.handle from person_handle h where h.person_id in (select id from meant)
union
select b.handle from address_book b
where b.folded like any($1::text[]) and ($2::text[] is null or b.device = any($2))
order by handle limit $3

-- name: titled
-- Conversations, albums and folders whose titles fit one of the patterns $1, the newest first.
select t.id from thread t
where t.folded like any($1::text[]) and ($2::text[] is null or t.device = any($2))
order by t.sort_at desc limit $3
