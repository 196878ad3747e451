-- Searching; the conditions and their parameters are put together in search_plan.

-- name: walked
-- Hits among the artifacts next to a place in time. Reading them in order is quicker than the index
-- for what many of them hold, and it is bounded for what none of them does.
select a.id, a.sort_at, a.kind, a.device, a.occurred_at, {rank} as rank
from (
    select * from artifact a where {bounds} order by a.sort_at {way}, a.id {way} limit {walked}
) a
where {where}
order by a.sort_at {way}, a.id {way} limit {limit}

-- name: indexed
-- Hits in some tables, by index. `offset 0` keeps the planner from walking by time instead: a word
-- whose hits are all old would make it read everything.
select h.id, h.sort_at, h.kind, h.device, h.occurred_at, {rank} as rank
from (
    select * from (
        select a.id, a.sort_at, a.kind, a.device, a.occurred_at, a.search
        from artifact a where {bounds} and {where} offset 0
    ) a
    order by a.sort_at {way}, a.id {way} limit {limit}
) h

-- name: shown
-- $1 ids. Positions count from the nearest anchor, by index alone.
select {columns}, t.title as thread_title, t.key as thread_key, t.participants,
    coalesce(anchor.position, 0) + (
        select count(*) from artifact b
        where b.thread_id = a.thread_id and b.removed_at is null
          and (b.sort_at, b.id) < (a.sort_at, a.id)
          and (b.sort_at, b.id) >= (
              coalesce(anchor.sort_at, '0001-01-01 00:00:00+00'), coalesce(anchor.artifact_id, 0)
          )
    ) as position
from artifact a
left join thread t on t.id = a.thread_id
left join lateral (
    select n.position, n.sort_at, n.artifact_id from thread_anchor n
    where n.thread_id = a.thread_id and (n.sort_at, n.artifact_id) <= (a.sort_at, a.id)
    order by n.position desc limit 1
) anchor on true
where a.id = any($1)
