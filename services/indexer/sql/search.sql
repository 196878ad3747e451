-- Searching; the conditions and their parameters are put together in search_plan.

-- name: begin
-- What does not look for words is planned once per connection: planning takes as long as running it.
begin read only;
set local statement_timeout = {timeout_ms};
set local plan_cache_mode = force_generic_plan

-- name: known
-- Hits are found: what follows goes by ids, and is planned once per connection again. It must stay
-- right when a table has grown that was empty then: such a plan would read it whole.
set local plan_cache_mode = force_generic_plan;
set local enable_seqscan = off

-- name: scope
-- The tables that may hold what is asked for, with what has to be known beside them: $1 device,
-- $2 kind, $3 thread, $4 person. {words} and {excluded} are queries. From here on each statement is
-- planned for its values: a plan for any words at all is one for very many hits, and reads whole tables.
select s.shard, s.device, s.kind, s.has_substring,
       case when s.shard = 0 then (select reltuples from pg_class where oid = 'artifact_0'::regclass)
            else s.row_count end as row_count,
       case when s.shard = 0 then (select min(sort_at) from artifact_0) else s.first_at end as first_at,
       case when s.shard = 0 then (select max(sort_at) from artifact_0) else s.last_at end as last_at,
       asked.words, asked.excluded, asked.person_threads, asked.thread_rows,
       asked.tables, asked.planned
from artifact_shard s
cross join (
    select ({words})::text as words, ({excluded})::text as excluded,
           (select array_agg(t.id) from thread t where t.participants @> array[$4::text])
               as person_threads,
           case when $3::bigint is not null or $4::text is not null then (
               select coalesce(sum(t.artifact_count + t.removed_count), 0)::bigint from thread t
               where t.id = $3 or t.participants @> array[$4]
           ) end as thread_rows,
           (select count(*) from artifact_shard t where t.state = 'attached') as tables,
           set_config('plan_cache_mode', 'force_custom_plan', true) as planned
    offset 0
) asked
where s.state = 'attached'
  and ($1::text is null or coalesce(s.device, $1) = $1)
  and ($2::text is null or coalesce(s.kind, $2) = $2)
  and ($3::bigint is null or exists (
      select 1 from thread t
      where t.id = $3 and coalesce(s.device, t.device) = t.device
        and coalesce(s.kind, t.kind) = t.kind
  ))

-- name: walked
-- Hits among the artifacts next to a place in time, read one after the other.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from (
    select * from artifact a where {bounds} order by a.sort_at {way}, a.id {way} limit {walked}
) a
where {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: read
-- Hits among all artifacts of a short time.
select a.shard, a.id, a.sort_at, {rank} as rank,
       case when a.shard = 0 then a.kind end as kind,
       case when a.shard = 0 then a.device end as device
from (select * from artifact a where {bounds} offset 0) a
where {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: indexed
-- Hits in some tables, by index. `offset 0` keeps the planner from walking by time instead: a word
-- whose hits are all old would make it read everything. What a table holds of one kind and device
-- is known without reading it from the rows.
select h.shard, h.id, h.sort_at, {rank} as rank, h.kind, h.device
from (
    select * from (
        select a.shard, a.id, a.sort_at, a.search,
               case when a.shard = 0 then a.kind end as kind,
               case when a.shard = 0 then a.device end as device
        from artifact a where {bounds} and {where} offset 0
    ) a
    order by a.sort_at {way}, a.id {way} limit {limit}
) h

-- name: shown
-- $1 tables and $2 ids of rows, $3 all those tables. With the nearest anchor before each, from which
-- positions are counted. Row by row, because each lies in one table.
select a.shard, {columns}, t.title as thread_title, t.key as thread_key, t.participants,
       coalesce(anchor.position, 0) as anchor_position,
       coalesce(anchor.sort_at, '0001-01-01 00:00:00+00') as anchor_at,
       coalesce(anchor.artifact_id, 0) as anchor_id
from unnest($1::int[], $2::bigint[]) as h (shard, id)
cross join lateral (
    select * from artifact a
    where a.shard = h.shard and a.id = h.id and a.shard = any($3) offset 0
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
    where b.thread_id = h.thread_id and b.removed_at is null
      and (b.sort_at, b.id) >= (h.anchor_at, h.anchor_id)
      and (b.sort_at, b.id) < (h.sort_at, h.id)
) as counted, h.id
from unnest(
    $1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::timestamptz[]
) as h (thread_id, anchor_at, anchor_id, id, sort_at)

-- name: counted in tables
-- The same where there are many tables: one row of the arrays for each table in which some of them
-- may lie, $7 all those tables.
select sum((
    select count(*) from artifact b
    where b.shard = h.shard and b.shard = any($7)
      and b.thread_id = h.thread_id and b.removed_at is null
      and (b.sort_at, b.id) >= (h.anchor_at, h.anchor_id)
      and (b.sort_at, b.id) < (h.sort_at, h.id)
))::bigint as counted, h.id
from unnest(
    $1::bigint[], $2::timestamptz[], $3::bigint[], $4::bigint[], $5::timestamptz[], $6::int[]
) as h (thread_id, anchor_at, anchor_id, id, sort_at, shard)
group by h.id
