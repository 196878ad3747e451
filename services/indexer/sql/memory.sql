-- What one run leaves for the next, see memory.py; $1 is the timeline.

-- name: is_newest
-- Whether no later revision of the kind than $3 is indexed: $1 device, $2 kind.
select not exists (
    select 1 from kind_index
    where device = $1 and kind = $2 and state = 'indexed' and taken_at > $3
)

-- name: is_of_revision_before
-- Whether what is remembered is of the newest indexed revision, by the same parser, and that one
-- comes before $5: $2 device, $3 kind, $4 the parser's version.
select exists (
    select 1 from memory m
    where m.timeline = $1 and m.parser_version = $4 and m.taken_at < $5 and m.taken_at = (
        select max(taken_at) from kind_index
        where device = $2 and kind = $3 and state = 'indexed'
    )
)

-- name: known
select coalesce(string_agg(
    fingerprint || int4send(kept) || int4send(undecodable) || int4send(missing), ''::bytea
), ''::bytea)
from memory_group where timeline = $1

-- name: describe
insert into memory (timeline, device, kind, taken_at, parser_version) values ($1, $2, $3, $4, $5)
on conflict (timeline) do update
set taken_at = excluded.taken_at, parser_version = excluded.parser_version

-- name: forget_revision
-- $1 device, $2 the moment that goes.
with gone as (
    delete from memory where device = $1 and taken_at = $2 returning timeline
)
delete from memory_group g using gone where g.timeline = gone.timeline
