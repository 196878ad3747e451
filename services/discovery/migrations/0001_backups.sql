-- One row per backup folder that was ever seen and not forgotten. Paths are bytes, because names on
-- disk need not be text; only shown_path, with doubtful bytes replaced, is for people.
create table backup (
    id uuid primary key,
    path bytea not null,
    shown_path text not null,
    root bytea not null,
    -- Number of the file system, to tell a deleted folder from one that is not mounted.
    file_system bigint not null,
    is_reachable boolean not null,
    udid text,
    facts jsonb not null,
    state text not null,
    problems jsonb not null,
    missing_files bigint,
    encrypted boolean not null,
    format text not null,
    last_backup_at timestamptz,
    revision text,
    label text,
    notes text,
    first_seen_at timestamptz not null,
    -- What the last look saw, and since when it has looked so.
    run_marks bytea not null,
    blob_marks bytea not null,
    changed_at timestamptz not null,
    -- The look that state, problems and revision were judged from; null while none was.
    judged_run bytea,
    judged_blobs bytea,
    -- The manifest's bytes are read again only when its size or time differ.
    manifest_size bigint,
    manifest_mtime_ns bigint,
    manifest_sha256 bytea,
    announced_state text,
    announced_revision text,
    -- Nothing is left to decide or to announce until the marks change.
    is_settled boolean not null,
    size_bytes bigint,
    file_count bigint,
    -- The look (run and blobs) that size and count belong to.
    measured_marks bytea,
    constraint backup_state check (
        state in ('complete', 'running', 'broken_off', 'partial', 'damaged', 'removed')
    ),
    constraint backup_format check (format in ('manifest_db', 'mbdb', 'none'))
);

create unique index backup_at_path on backup (path) where state <> 'removed';
create index backup_newest_first
    on backup ((coalesce(last_backup_at, '-infinity'::timestamptz)) desc, id desc);
create index backup_of_device on backup (udid, last_backup_at desc);

-- Folders that a person asked to forget. One is left alone until it changes on disk, moves, or
-- somebody asks for a refresh.
create table forgotten (
    path bytea primary key,
    run_marks bytea not null,
    forgotten_at timestamptz not null default now()
);
