-- What the stream does not take must not hold up what it would take: such a row waits for its next
-- try behind the others, and is parked when it has failed too often.
alter table outbox
    add column failures integer not null default 0,
    add column retry_at timestamptz,
    add column parked_at timestamptz;

drop index outbox_unpublished;
-- In the order in which the relay takes them: those that never failed, then who waited longest.
create index outbox_waiting on outbox (retry_at nulls first, id)
    where published_at is null and parked_at is null;
create index outbox_parked on outbox (id) where parked_at is not null;

-- Deliveries that ended because the service was stopped. The server counts them like any other;
-- they say nothing against the event.
create table stopped_delivery (
    event_id uuid primary key,
    stops integer not null default 1,
    stopped_at timestamptz not null default now()
);
create index stopped_delivery_by_time on stopped_delivery (stopped_at);
