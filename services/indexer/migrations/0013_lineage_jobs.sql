-- Decisions about lineages are carried out by jobs: of no backup, with the link in `request`.
alter table job drop constraint job_subject;
alter table job add constraint job_subject check (
    case when kind in ('export', 'lineage') then request is not null and backup_id is null
         else backup_id is not null end
);
create index job_lineage on job ((request ->> 'link_id'), created_at desc) where kind = 'lineage';

-- Kinds that do not fit their lineage yet. Until the job has come to them, merges leave their marks
-- and stitched threads alone.
create table lineage_left (
    lineage text collate "C" not null,
    kind text not null,
    primary key (lineage, kind)
);
