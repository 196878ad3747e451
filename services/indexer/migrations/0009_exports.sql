-- Exports are jobs as well: of no backup, and `request` says what was asked for, so that one can be
-- made again. What comes of them rests nowhere here.
alter table job alter column backup_id drop not null;
alter table job add column request jsonb;
alter table job add constraint job_subject check (
    case kind when 'export' then request is not null and backup_id is null
              else backup_id is not null end
);
