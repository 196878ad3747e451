-- Destinations that hold plain files as they are now, and what they were before, by date.

alter table destination add column mode text not null default 'store'
    check (mode in ('store', 'mirror'));

-- The folder of a source in a mirror. It stays when the source is called something else.
create table mirror (
    source_id uuid not null references source,
    destination_id uuid not null references destination,
    folder text not null,
    primary key (source_id, destination_id),
    unique (destination_id, folder)
);

-- Every run that may have moved files aside, whether it came to its end or not, with the folder that
-- it moved them to. `number` is that of the archive it worked for: what an archive before that
-- number held and a later one does not lies in the first folder that has it.
create table mirror_pass (
    source_id uuid not null,
    destination_id uuid not null,
    number bigint not null,
    aside text not null,
    begun bigint generated always as identity,
    primary key (source_id, destination_id, aside),
    foreign key (source_id, destination_id) references mirror
);
