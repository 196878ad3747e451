-- What of a kind's figures does not count where a lineage is looked at as one history: counted as marks
-- are made and taken, so that nobody has to count marks.
alter table superseded add column is_current boolean;
comment on column superseded.is_current is
    'whether it counts as an artifact, or as a removed one; null for versions, which count as neither';
update superseded s set is_current = true
from artifact a where a.id = s.artifact_id and a.removed_at is null;
update superseded s set is_current = false
from (
    select min(a.id) as id from superseded m join artifact a on a.id = m.artifact_id
    group by m.timeline, a.key having bool_and(a.removed_at is not null)
) one
where s.artifact_id = one.id;

create table superseded_total (
    timeline bigint primary key,
    artifact_count bigint not null,
    removed_count bigint not null
);
insert into superseded_total
select timeline, count(*) filter (where is_current), count(*) filter (where not is_current)
from superseded group by timeline;

create function count_superseded() returns trigger language plpgsql as $$
begin
    insert into superseded_total as t
    select w.timeline, sign * count(*) filter (where w.is_current),
           sign * count(*) filter (where not w.is_current)
    from written w, (select case tg_op when 'INSERT' then 1 else -1 end as sign) s
    group by w.timeline, sign
    on conflict (timeline) do update
    set artifact_count = t.artifact_count + excluded.artifact_count,
        removed_count = t.removed_count + excluded.removed_count;
    return null;
end $$;
create trigger superseded_marked after insert on superseded
    referencing new table as written for each statement execute function count_superseded();
create trigger superseded_unmarked after delete on superseded
    referencing old table as written for each statement execute function count_superseded();
