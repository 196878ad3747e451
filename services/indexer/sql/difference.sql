-- The merge of a run that parsed only what it did not know from the revision before. `stage` holds
-- what came of those groups, `lapsed` what had come of the groups that are no more.

-- name: make_lapsed
create temporary table lapsed (key text, digest bytea) on commit drop

-- name: fill_lapsed
-- $1 the timeline, $2 fingerprints.
with gone as (
    delete from memory_group g using unnest($2::bytea[]) as l (fingerprint)
    where g.timeline = $1 and g.fingerprint = l.fingerprint
    returning g.keys, g.digests
)
insert into lapsed
select k.key, substr(g.digests, (k.n::integer - 1) * 8 + 1, 8)
from gone g
cross join lateral unnest(string_to_array(nullif(g.keys, ''), e'\n')) with ordinality k (key, n)

-- name: drop_unchanged
-- What stays as it was is neither gone nor fresh.
with same as (
    delete from stage s using lapsed l
    where l.key = s.key and l.digest = substr(s.digest, 1, 8)
    returning s.key
)
delete from lapsed l using same where same.key = l.key

-- name: find_gone
-- $1 device, $2 kind, $3 the moment. Nothing indexed comes after it.
insert into gone
select a.id, a.thread_id, a.added_at, a.removed_at, false
from lapsed l
join artifact a on a.device = $1 and a.kind = $2 and a.key = l.key
where substr(a.digest, 1, 8) = l.digest
  and a.added_at <= $3 and (a.removed_at is null or a.removed_at > $3)

-- name: has_lost_count
-- Whether what lapsed is not exactly what is there, or something staged is there already.
select (select count(*) from gone) <> (select count(*) from lapsed)
    or (select count(*) from fresh) <> (select count(*) from stage)
