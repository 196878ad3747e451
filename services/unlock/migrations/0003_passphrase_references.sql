-- Where the passphrase of a device lies. Never the passphrase.
create table passphrase_reference (
    udid text primary key,
    reference text not null,
    set_at timestamptz not null default clock_timestamp()
);

-- Keybags that did not open with what the reference gave: not to be tried again by the next event.
-- The digest is that of `attempt.keybag`.
create table refused_reference (
    udid text not null references passphrase_reference on delete cascade,
    keybag bytea not null,
    refused_at timestamptz not null default clock_timestamp(),
    primary key (udid, keybag)
);
