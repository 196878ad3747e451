-- API tokens. Only the SHA-256 of a token is kept: it has 256 random bits, so no salt is needed.
create table api_token (
    id uuid primary key,
    name text not null,
    scopes text[] not null,
    digest bytea not null unique check (octet_length(digest) = 32),
    created_at timestamptz not null default now(),
    created_by text not null,
    expires_at timestamptz,
    last_used_at timestamptz
);

create index api_token_created on api_token (created_at desc, id);

-- What was done that a person may have to account for. The acting token may be gone by then.
create table audit (
    id bigint generated always as identity primary key,
    at timestamptz not null default now(),
    actor text not null,
    action text not null,
    subject text not null
);

create index audit_at on audit (at desc);
