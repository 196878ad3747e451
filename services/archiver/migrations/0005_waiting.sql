-- Jobs that wait: for their turn at a destination, for its hours, or to be tried again.

alter table job
    -- Runs since it was asked for, or asked for again; attempts counts all of them.
    add column tries integer not null default 0,
    -- Not before; null: as soon as it is its turn.
    add column wait_until timestamptz;
create index job_waiting on job (wait_until) where state = 'pending';
