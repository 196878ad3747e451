-- What the newest run of a kind of a device left for the next one, see services/indexer/memory.py.
-- No foreign keys: whoever removes a revision removes what was remembered of it.
create table memory (
    timeline bigint primary key,
    device text not null,
    kind text not null,
    -- The revision that was read.
    taken_at timestamptz not null,
    parser_version integer not null
);

-- A few records that were read together. `keys` are lines, `digests` the beginnings of the digests
-- of the same artifacts, 8 bytes each.
create table memory_group (
    timeline bigint not null,
    fingerprint bytea not null,
    kept integer not null,
    undecodable integer not null,
    missing integer not null,
    keys text not null,
    digests bytea not null
);
create unique index memory_group_fingerprint on memory_group (timeline, fingerprint);
