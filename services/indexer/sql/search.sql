-- Searching; the conditions and their parameters are put together in storage_search.

-- name: count_hits
with hit as materialized (
    select a.kind, a.device, extract(year from a.occurred_at at time zone 'UTC')::int as year
    from {source} where {where} limit {count_limit}
)
select 'total' as facet, null as value, count(*) as count from hit
union all select 'kind', kind, count(*) from hit group by kind
union all select 'device', device, count(*) from hit group by device
union all select 'year', year::text, count(*) from hit where year is not null group by year

-- name: few_by_time
-- All hits are known to be few: find them first, so that a word whose hits are all old does not
-- make the planner walk the whole table by time.
with hit as materialized (
    select a.id, a.sort_at from {source} where {where}
)
select id, sort_at, 0::float8 as rank from hit
where {after} order by sort_at {way}, id {way} limit {limit}

-- name: many_by_time
select a.id, a.sort_at, 0::float8 as rank from {source}
where {where} and {after} order by a.sort_at {way}, a.id {way} limit {limit}

-- name: few_by_rank
with hit as materialized (
    select a.id, a.sort_at, {rank} as rank from {source} where {where}
)
select id, sort_at, rank from hit
where {after} order by rank desc, sort_at desc, id desc limit {limit}

-- name: many_by_rank
with newest as materialized (
    select a.id, a.sort_at from {source} where {where}
    order by a.sort_at desc, a.id desc limit 1000
), hit as (
    select n.id, n.sort_at, {rank} as rank from newest n join artifact a on a.id = n.id
)
select id, sort_at, rank from hit
where {after} order by rank desc, sort_at desc, id desc limit {limit}

-- name: after_newest
-- Where the newest 1,000 hits end; what is older follows by time.
select n.sort_at, n.id from (
    select a.sort_at, a.id from {source} where {where}
    order by a.sort_at desc, a.id desc limit 1000
) n order by n.sort_at, n.id limit 1

-- name: positions
select a.id, coalesce(anchor.position, 0) + (
    select count(*) from artifact b
    where b.thread_id = a.thread_id and b.removed_at is null
      and (b.sort_at, b.id) < (a.sort_at, a.id)
      and (anchor.artifact_id is null or (b.sort_at, b.id) >= (anchor.sort_at, anchor.artifact_id))
) as position
from artifact a
left join lateral (
    select t.position, t.sort_at, t.artifact_id from thread_anchor t
    where t.thread_id = a.thread_id and (t.sort_at, t.artifact_id) <= (a.sort_at, a.id)
    order by t.position desc limit 1
) anchor on true
where a.id = any($1) and a.thread_id is not null
