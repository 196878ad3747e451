-- One history per device. `added_at` and `removed_at` are points on the device's own timeline.

create table revision (
    device text not null,
    taken_at timestamptz not null,
    digest text not null,
    indexed_at timestamptz not null default now(),
    primary key (device, taken_at),
    unique (device, digest)
);

-- The folders that hold, or held, a revision. A folder that was copied holds the same one.
create table revision_backup (
    backup_id uuid not null,
    device text not null,
    taken_at timestamptz not null,
    primary key (backup_id, device, taken_at),
    foreign key (device, taken_at) references revision on delete cascade
);
create index revision_backup_revision on revision_backup (device, taken_at);

-- What a run made of one kind. Only rows in state `indexed` are points of that kind's timeline.
create table kind_index (
    device text not null,
    kind text not null,
    taken_at timestamptz not null,
    state text not null check (state in ('indexed', 'absent', 'failed')),
    -- Rows that begin and that end here; a change of content counts in both.
    added bigint not null default 0,
    removed bigint not null default 0,
    parser_version integer not null,
    job_id uuid,
    report jsonb not null,
    indexed_at timestamptz not null default now(),
    primary key (device, kind, taken_at),
    foreign key (device, taken_at) references revision on delete cascade
);

-- Counts that listings show; kept by the merge because counting a million rows is not free.
create table kind_total (
    device text not null,
    kind text not null,
    artifact_count bigint not null,
    removed_count bigint not null,
    primary key (device, kind)
);

create table thread (
    -- Follows from device, kind and key, so that rows can be written before their thread.
    id bigint primary key,
    device text not null,
    kind text not null,
    key text not null,
    title text,
    folded text not null default '',
    is_group boolean not null,
    participants text[] not null,
    services text[] not null,
    -- The revision that the words above come from; an older one does not replace them.
    described_at timestamptz not null,
    artifact_count bigint not null default 0,
    removed_count bigint not null default 0,
    first_at timestamptz,
    last_at timestamptz,
    last_text text,
    sort_at timestamptz not null default '1900-01-01 00:00:00+00',
    unique (device, kind, key)
);
create index thread_newest on thread (sort_at desc, id desc);

-- Rows of all kinds. What lies where is a matter of speed alone: `shard` is 0 for what came in small
-- numbers, and what a first run brought in large ones lies in tables of its own, loaded without
-- indexes and attached when they are complete (see storage_shards).
create sequence artifact_id;
create table artifact (
    shard integer not null default 0,
    id bigint not null default nextval('artifact_id'),
    device text not null,
    kind text not null,
    key text not null,
    digest bytea not null,
    thread_id bigint,
    occurred_at timestamptz,
    -- occurred_at, or 1900 where it is not known, so that keyset paging has no nulls.
    sort_at timestamptz not null
        generated always as (coalesce(occurred_at, '1900-01-01 00:00:00+00'::timestamptz)) stored,
    title text,
    text text,
    folded text,
    sender_handle text,
    is_me boolean not null,
    payload json not null,
    attachments json not null,
    has_attachment boolean not null,
    has_link boolean not null,
    added_at timestamptz not null,
    removed_at timestamptz,
    search tsvector generated always as (to_tsvector('simple', coalesce(folded, ''))) stored
) partition by list (shard);
create unique index artifact_by_id on artifact (id, shard);
create unique index artifact_run on artifact (device, kind, key, digest, added_at, shard)
    include (removed_at);
create index artifact_thread on artifact (thread_id, sort_at, id) include (added_at, removed_at)
    where thread_id is not null;
create index artifact_newest on artifact (sort_at, id);
create index artifact_added on artifact (device, kind, added_at);
create index artifact_removed on artifact (device, kind, removed_at) where removed_at is not null;
create index artifact_search on artifact using gin (search);
create table artifact_0 partition of artifact for values in (0);
-- The other tables hold one kind each.
create index artifact_0_kind on artifact_0 (kind, sort_at, id);

-- The tables behind `artifact`. A row in state `loading` is a table that no run may have finished.
create sequence artifact_shard_number as integer;
create table artifact_shard (
    shard integer primary key,
    state text not null check (state in ('loading', 'attached')),
    -- Of shard 0, which holds rows of all devices and kinds, none of these is known.
    device text,
    kind text,
    row_count bigint,
    first_at timestamptz,
    last_at timestamptz,
    -- Whether parts of words are found by an index; it is built after the rest.
    has_substring boolean not null default false
);
insert into artifact_shard (shard, state) values (0, 'attached');

-- Positions in long threads without counting from the beginning: every 64th current artifact.
create table thread_anchor (
    thread_id bigint not null references thread on delete cascade,
    position bigint not null,
    sort_at timestamptz not null,
    artifact_id bigint not null,
    primary key (thread_id, position)
);

-- Handles of the device's own contacts; names are looked up when something is shown.
create table address_book (
    device text not null,
    handle text not null,
    name text not null,
    folded text not null,
    artifact_key text not null,
    primary key (device, handle)
);
create index address_book_handle on address_book (handle);

create table job (
    id uuid primary key,
    kind text not null default 'index',
    state text not null
        check (state in ('pending', 'running', 'completed', 'interrupted', 'failed', 'cancelled')),
    backup_id uuid not null,
    device text,
    session_id uuid,
    kinds text[],
    progress jsonb,
    attempts integer not null default 0,
    cancel_requested boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    error jsonb,
    report jsonb not null default '{}',
    revision text
);
-- Two requests for one backup are one job while it is under way.
create unique index job_under_way on job (backup_id) where state in ('pending', 'running');
create index job_newest on job (created_at desc, id desc);
create index job_backup on job (backup_id, created_at desc);

-- The substring index needs pg_trgm, which provisioning puts into `extensions` where it can.
-- The file is the same everywhere, so that checksums agree; the outcome depends on the server.
do $$
declare
    operators text;
begin
    select quote_ident(n.nspname) || '.gin_trgm_ops' into operators
    from pg_opclass o join pg_namespace n on n.oid = o.opcnamespace
    where o.opcname = 'gin_trgm_ops' and has_schema_privilege(n.oid, 'usage')
    limit 1;
    if operators is not null then
        execute 'create index artifact_0_substring on artifact_0 using gin (folded '
            || operators || ')';
        update artifact_shard set has_substring = true where shard = 0;
    end if;
end
$$;
