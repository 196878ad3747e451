-- Events on their way out: written in the transaction that made them true.
create table outbox (
    id bigint generated always as identity primary key,
    event_id uuid not null unique,
    subject text not null,
    payload bytea not null,
    created_at timestamptz not null default now(),
    -- Kept for a week after publishing, so that events can be published again after a loss.
    published_at timestamptz
);
create index outbox_unpublished on outbox (id) where published_at is null;
create index outbox_published on outbox (published_at) where published_at is not null;

-- Events that were handled: written in the transaction that handled them.
create table inbox (
    event_id uuid primary key,
    subject text not null,
    received_at timestamptz not null default now()
);
create index inbox_received on inbox (received_at);

-- Wakes the relay at commit. The channel carries the schema, because channels are per database.
create function outbox_wake() returns trigger language plpgsql as $$
begin
    perform pg_notify('outbox_' || tg_table_schema, '');
    return null;
end
$$;
create trigger outbox_wake after insert on outbox
    for each statement execute function outbox_wake();
