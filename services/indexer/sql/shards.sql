-- Tables behind `artifact`; {table} is the name of one, {shard} its number.

-- name: make
create table {table} (like artifact including defaults including generated)

-- name: set_defaults
-- Returns the statement that gives every row of a run what is the same in all of them.
select format(
    'alter table {table} alter shard set default %1$s, alter device set default %2$L,'
    ' alter kind set default %3$L, alter added_at set default %4$L,'
    ' add constraint {table}_shard check (shard = %1$s)', $1::int, $2::text, $3::text, $4::timestamptz)

-- name: index_statements
-- What gives the table the indexes of `artifact`, so that attaching it finds them there, and which
-- of them are there before the rows: an index that leaves out nearly all of them is kept for less
-- than reading the table once more takes.
select c.relname in ('artifact_removed', 'artifact_special') as comes_first, format(
    'create %s index %I on {table} using %s',
    case when i.indisunique then 'unique' else '' end,
    replace(c.relname, 'artifact_', '{table}_'),
    split_part(pg_get_indexdef(i.indexrelid), ' USING ', 2)) as statement
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = 'artifact'::regclass
order by c.relname

-- name: describe
update artifact_shard
set row_count = $1, (first_at, last_at) = (select min(sort_at), max(sort_at) from {table})
where shard = {shard}

-- name: attach
alter table artifact attach partition {table} for values in ({shard})

-- name: trigram_operators
-- Null where the server has no trigram extension for us.
select quote_ident(n.nspname) || '.gin_trgm_ops'
from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
where o.opcname = 'gin_trgm_ops' and has_schema_privilege(n.oid, 'usage')
limit 1

-- name: find_without_dated
select shard from artifact_shard
where state = 'attached' and shard > 0 and not has_dated
order by last_at desc nulls first, shard limit 1

-- name: build_dated
-- What changes later waits in a list that is read from end to end by every search: a short one.
create index concurrently {name} on {table}
using gin (dated_words(search, sort_at, has_attachment, has_link)) with (gin_pending_list_limit = 256)

-- name: find_without_paired
select shard from artifact_shard
where state = 'attached' and shard > 0 and not has_paired
order by last_at desc nulls first, shard limit 1

-- name: build_paired
create index concurrently {name} on {table}
using gin (paired_words(search, sort_at)) with (gin_pending_list_limit = 256)
