-- What has a name of its own in an archive: tables, workflows, credentials. Never what it holds.

create table archive_item (
    archive_id uuid not null references archive on delete cascade,
    -- Its place in the archive.
    n integer not null,
    kind text not null,
    key text not null,
    name text not null,
    -- The name as it is searched: small letters, without accents.
    folded text not null,
    -- Its words alone: Postgres would take `schema.table` for the name of a host.
    words tsvector not null,
    facts jsonb not null,
    -- The member of the bundle that holds it alone.
    member text,
    primary key (archive_id, n)
);
create index archive_item_key on archive_item (archive_id, key);
create index archive_item_words on archive_item using gin (words);
