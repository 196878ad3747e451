-- The merge of a run of which only what the history does not hold came, see held.py: $1 device,
-- $2 kind, $3 the moment. `stage` holds what came.

-- name: held
-- What there is at the moment; $4 at most so many.
select digest, id from artifact
where device = $1 and kind = $2
  and added_at <= $3 and (removed_at is null or removed_at > $3)
limit $4

-- name: is_unusable
-- Whether some of what came must be left out, which the merge of everything does.
select exists (select 1 from stage where octet_length(key) > 1000)
    or exists (select 1 from stage group by key having count(*) > 1)

-- name: find_gone
-- Numbers $5 of what was held and not met; $4 the next moment or null.
insert into gone
select a.id, a.thread_id, a.added_at, a.removed_at,
       ($4::timestamptz is not null and (a.removed_at is null or a.removed_at > $4))
from (select distinct id from unnest($5::bigint[]) u (id)) g
join artifact a on a.id = g.id
where a.device = $1 and a.kind = $2
  and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)

-- name: has_doubt
-- Whether what is gone ($4 rows) is not all there, or what came is there already, as it is or with
-- another content that is not gone.
select (select count(*) from gone) <> $4
    or (select count(*) from fresh) <> (select count(*) from stage)
    or exists (
        select 1 from stage s
        join artifact a on a.device = $1 and a.kind = $2 and a.key = s.key
            and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)
        where not exists (select 1 from gone g where g.id = a.id)
    )
