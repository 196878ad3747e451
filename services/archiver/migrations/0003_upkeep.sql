-- Looking after stores: rebuilding the catalogue from one, verifying, deleting, collecting.

alter table job alter column archive_id drop not null;
alter table job drop constraint job_kind_check;
alter table job add constraint job_kind_check
    check (kind in ('archive', 'restore', 'rebuild', 'verify', 'collect'));
alter table job add constraint job_subject_check
    check (archive_id is not null or (kind in ('rebuild', 'verify', 'collect')
        and destination_id is not null));
create unique index job_upkeep on job
    (kind, destination_id, coalesce(archive_id, destination_id), coalesce(request ->> 'level', ''))
    where kind in ('rebuild', 'verify', 'collect') and state in ('pending', 'running');

-- Set before anything is written to a store, and taken away at the end of whoever wrote: as long
-- as it stands, somebody may have ended in the middle, and left something behind.
alter table destination add column is_untidy boolean not null default true;

alter table archive
    add column bundle_state text not null default 'right'
        check (bundle_state in ('right', 'missing', 'damaged')),
    add column verified_at timestamptz,
    add column verified_level text check (verified_level in ('listing', 'sample', 'full')),
    -- From then on it is deleted; until then it can be kept.
    add column deletion_scheduled_at timestamptz,
    -- Its bundle may be gone: it cannot be kept any more.
    add column deletion_began_at timestamptz;
create index archive_deletion on archive (deletion_scheduled_at)
    where deletion_scheduled_at is not null;

-- When it was last read and found right; what was read longest ago is read next.
alter table stored_object add column checked_at timestamptz;

-- Objects that were found damaged or missing and were not stored again since. What lies under
-- their names is not taken for them.
create table struck_object (
    destination_id uuid not null references destination,
    name bytea not null,
    struck_at timestamptz not null default clock_timestamp(),
    primary key (destination_id, name)
);

-- What lies in a store and is in nobody's journal, since when that was seen.
create table stray (
    destination_id uuid not null references destination,
    path text not null,
    since timestamptz not null,
    primary key (destination_id, path)
);
