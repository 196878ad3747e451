-- Which backups are indexed without being asked for. What a rule leaves out it means all of.
create table index_rule (
    id uuid primary key,
    device text,
    kinds text[],
    enabled boolean not null,
    created_at timestamptz not null default clock_timestamp()
);

-- Backups that are to be held against the rules, soon. `turn` grows whenever one is asked for again,
-- so that a check that was going on meanwhile does not count for it.
create sequence rule_check_turn;
create table rule_check (
    backup_id uuid primary key,
    origin text not null check (origin in ('rule', 'nightly')),
    turn bigint not null default nextval('rule_check_turn'),
    due_at timestamptz not null default clock_timestamp()
);
create index rule_check_due on rule_check (due_at);

-- The one row that says when all backups are: after a change of the rules (`asked_turn`, null when
-- that was done), and every night.
create table rule_round (
    one boolean primary key default true check (one),
    asked_turn bigint,
    nightly_at timestamptz
);
insert into rule_round default values;

-- Who asked for a job: a person, a rule, or the nightly look at all rules.
alter table job add column origin text not null default 'person'
    check (origin in ('person', 'rule', 'nightly'));
