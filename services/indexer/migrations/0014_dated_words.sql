-- The words of a row, and beside them marks that no text can hold: of the three days and of the seven
-- weeks that it is of, of an attachment and of a link. An index of these finds a word within a time by
-- going along both lists at once, where an index of words alone gathers every hit of a table. Rows of
-- tables that were loaded lie in the order of time, so the marks of a time stand together.
-- search/dated.py asks for these marks. All is immutable, and so simple that Postgres puts it in place.
create function dated_words(
    search tsvector, sort_at timestamptz, has_attachment boolean, has_link boolean
) returns tsvector language sql immutable parallel safe as $$
    select search || array_to_tsvector(array_remove(array[
        e'\x01d' || (
            (extract(epoch from sort_at - '1970-01-01 00:00:00+00'::timestamptz)::bigint >> 18)::text
        ),
        e'\x01m' || (
            (extract(epoch from sort_at - '1970-01-01 00:00:00+00'::timestamptz)::bigint >> 22)::text
        ),
        case when has_attachment then e'\x01a' end,
        case when has_link then e'\x01l' end
    ], null))
$$;

-- Whether a table has that index, artifact_<shard>_dated; it is built after the rest.
alter table artifact_shard add column has_dated boolean not null default false;
