-- Sessions of every replica. Keys and tokens are never here: the digest is a SHA-256 of 256 random
-- bits, and it goes when the session does.
create table session (
    session_id uuid primary key,
    backup_id uuid not null,
    udid text,
    encrypted boolean not null,
    token_digest bytea,
    -- The process that holds the keys; it holds an advisory lock of this name while it lives.
    replica_id uuid not null,
    opened_at timestamptz not null,
    expires_at timestamptz not null,
    last_used_at timestamptz,
    closed_at timestamptz,
    close_reason text check (close_reason in ('locked', 'expired', 'crashed', 'stopped')),
    check ((closed_at is null) = (close_reason is null)),
    check ((closed_at is null) = (token_digest is not null))
);

create index session_open_by_replica on session (replica_id) where closed_at is null;
create index session_open_by_backup on session (backup_id) where closed_at is null;
create index session_closed on session (closed_at) where closed_at is not null;

-- Passphrases tried and not found right, those being tried included. Never the passphrase.
create table attempt (
    attempt_id bigint generated always as identity primary key,
    backup_id uuid not null,
    -- SHA-256 of whoever asked; null when nobody said.
    caller_digest bytea,
    attempted_at timestamptz not null default clock_timestamp()
);

create index attempt_by_backup on attempt (backup_id, attempted_at);
create index attempt_by_caller on attempt (caller_digest, attempted_at);
create index attempt_by_time on attempt (attempted_at);
