-- Why things went, see services/indexer/reasons.py. One row for what is there no more at
-- `removed_at`, and for what is there without a file that it had. By key, not by row: histories are
-- split and joined when revisions are found late, and rows with them.
create table removal (
    device text collate "C" not null,
    kind text collate "C" not null,
    key text collate "C" not null,
    removed_at timestamptz not null,
    cause text not null,
    -- What speaks against being sure.
    doubt text,
    primary key (device, kind, key, removed_at)
);
create index removal_moment on removal (device, kind, removed_at);
-- Few, and looked for among all that is there.
create index removal_offloaded on removal (key) where cause = 'offloaded';

-- By which rules the end of what had gone by then was looked into (0: not yet); and the oldest thing
-- that the phone held, of kinds that phones do not keep for ever.
alter table kind_index
    add column rules integer not null default 0,
    add column oldest_at timestamptz;

-- What lies in several threads: photos in albums. Of kinds that have this (see storage_members), all
-- threads of an artifact are here, also the one that its row names. Follows from the payloads.
create table thread_member (
    thread_id bigint not null,
    sort_at timestamptz not null,
    artifact_id bigint not null,
    device text collate "C" not null,
    kind text collate "C" not null,
    primary key (thread_id, sort_at, artifact_id)
);
create index thread_member_artifact on thread_member (artifact_id);
create index thread_member_kind on thread_member (device, kind);
