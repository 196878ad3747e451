-- What is archived, where to, and what lies there. Bytes are named by SHA-256 throughout.

create table source (
    id uuid primary key,
    name text not null,
    type text not null,
    config jsonb not null,
    priority integer not null default 0,
    created_at timestamptz not null default now(),
    -- Its archives stay; nothing new is made.
    removed_at timestamptz
);
create unique index source_name on source (name) where removed_at is null;

create table destination (
    id uuid primary key,
    name text not null,
    type text not null,
    config jsonb not null,
    -- References to secrets; the secrets are nowhere.
    crypt jsonb,
    store_id uuid not null,
    created_at timestamptz not null default now(),
    removed_at timestamptz
);
create unique index destination_name on destination (name) where removed_at is null;
create unique index destination_store on destination (store_id) where removed_at is null;

create table job (
    id uuid primary key,
    kind text not null check (kind in ('archive', 'restore')),
    state text not null
        check (state in ('pending', 'running', 'completed', 'interrupted', 'failed', 'cancelled')),
    source_id uuid references source,
    destination_id uuid references destination,
    archive_id uuid not null,
    request jsonb not null default '{}',
    priority integer not null default 0,
    cancel_requested boolean not null default false,
    attempts integer not null default 0,
    progress jsonb,
    report jsonb not null default '{}',
    error jsonb,
    created_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    -- Whoever runs it says so again and again; silence means that nobody does.
    heartbeat_at timestamptz
);
create index job_newest on job (created_at desc, id desc);
-- Asking twice for the same is asking once.
create unique index job_archive on job (source_id, destination_id)
    where kind = 'archive' and state in ('pending', 'running');

create table archive (
    id uuid primary key,
    source_id uuid not null references source,
    destination_id uuid not null references destination,
    -- Counts the archives of one source in one destination; trees are kept by it.
    number bigint not null,
    kind text not null,
    path text not null,
    created_at timestamptz not null,
    state text not null default 'complete' check (state in ('complete', 'damaged')),
    bundle_sha256 bytea not null,
    bundle_bytes bigint not null,
    source_bytes bigint not null,
    added_bytes bigint not null,
    file_count bigint not null,
    torn_count bigint not null,
    skipped_count bigint not null,
    protected boolean not null default false,
    format_version integer not null,
    manifest jsonb not null,
    unique (source_id, destination_id, number),
    unique (destination_id, path)
);
create index archive_newest on archive (created_at desc, id desc);

-- The objects of a store. A row says "present": it was stored whole. What is found missing or
-- damaged loses its row, and is stored again by the next archive that needs it.
create table stored_object (
    destination_id uuid not null references destination,
    name bytea not null,
    is_pack boolean not null,
    size_bytes bigint not null,
    stored_at timestamptz not null default clock_timestamp(),
    marked_at timestamptz,
    primary key (destination_id, name)
);

create table blob (
    destination_id uuid not null,
    sha256 bytea not null,
    object bytea not null,
    "offset" bigint not null,
    size_bytes integer not null,
    primary key (destination_id, sha256),
    foreign key (destination_id, object) references stored_object on delete cascade
);
create index blob_object on blob (destination_id, object);

-- What files consisted of when they were read last, by which they need not be read again.
create table known_file (
    source_id uuid not null references source,
    destination_id uuid not null references destination,
    path bytea not null,
    size_bytes bigint not null,
    mtime_ns bigint not null,
    ctime_ns bigint not null,
    inode numeric(20) not null,
    -- 32 bytes each.
    blobs bytea not null,
    primary key (source_id, destination_id, path)
);

-- The trees of archives: a row stands for as many of them as it stayed the same, so the second
-- archive of a phone costs what changed. `until` is the first number that it is no part of.
create table tree_entry (
    id bigint generated always as identity primary key,
    source_id uuid not null references source,
    destination_id uuid not null references destination,
    path bytea not null,
    -- The path as people see and search it.
    shown text not null,
    type text not null,
    mode integer not null,
    mtime_ns bigint not null,
    size_bytes bigint not null,
    blobs bytea not null,
    target bytea,
    is_torn boolean not null,
    since bigint not null,
    until bigint
);
create unique index tree_entry_now on tree_entry (source_id, destination_id, path)
    where until is null;
create index tree_entry_path on tree_entry (source_id, destination_id, shown, id);
