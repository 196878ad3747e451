-- Which device follows which: a phone that was restored onto the next one. Offered after runs, decided by
-- people, over UDIDs alone, so that decisions outlive what is indexed (see services/indexer/lineage.py).
create table lineage_link (
    id uuid primary key,
    number bigint not null generated always as identity unique,
    earlier text collate "C" not null,
    later text collate "C" not null,
    state text not null check (state in ('offered', 'confirmed', 'declined')),
    -- Whether it can be told which of the two came first. Who confirms one where it cannot says it.
    is_directed boolean not null,
    evidence jsonb not null,
    offered_at timestamptz not null default clock_timestamp(),
    decided_at timestamptz,
    check (earlier <> later)
);
create unique index lineage_link_pair on lineage_link (least(earlier, later), greatest(earlier, later));

-- Follows from the confirmed ones: the devices of each lineage, which is called by its first one.
create table lineage_device (
    device text collate "C" primary key,
    lineage text collate "C" not null,
    -- Counted from the oldest device.
    place integer not null
);
create index lineage_device_lineage on lineage_device (lineage, place);

-- Rows of devices that a newer device of the lineage has as well, and from which moment on. They are
-- left out where a lineage is looked at as one. `timeline` is that of memory.timeline_number.
create table superseded (
    artifact_id bigint primary key,
    since timestamptz not null,
    timeline bigint not null
);

-- The threads of a lineage as one sees them, made of one or more threads of its devices. A stitched
-- thread has the id, the device and the words of the newest of them.
create table stitched_thread (
    id bigint primary key,
    lineage text collate "C" not null,
    device text not null,
    kind text not null,
    key text not null,
    title text,
    folded text not null,
    is_group boolean not null,
    participants text[] not null,
    services text[] not null,
    artifact_count bigint not null default 0,
    removed_count bigint not null default 0,
    first_at timestamptz,
    last_at timestamptz,
    last_text text,
    sort_at timestamptz not null default '1900-01-01 00:00:00+00'
);
create index stitched_thread_newest on stitched_thread (sort_at desc, id desc);
create index stitched_thread_participants on stitched_thread using gin (participants);

create table stitched_part (
    thread_id bigint primary key,
    stitched_id bigint not null references stitched_thread on delete cascade,
    -- The place of its device, the newest last.
    place integer not null
);
create index stitched_part_stitched on stitched_part (stitched_id, place desc);

-- Positions in stitched threads, like those of thread_anchor.
create table stitched_anchor (
    stitched_id bigint not null references stitched_thread on delete cascade,
    position bigint not null,
    sort_at timestamptz not null,
    artifact_id bigint not null,
    primary key (stitched_id, position)
);
create index stitched_anchor_place on stitched_anchor (stitched_id, sort_at, artifact_id)
    include (position);

-- Up to when it was looked for devices that share things with this one.
create table lineage_look (
    device text collate "C" primary key,
    indexed_at timestamptz not null
);
