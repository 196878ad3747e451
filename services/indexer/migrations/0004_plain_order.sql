-- Keys and handles are compared by their bytes. The order is that of the database's own locale
-- (C.UTF-8), but Postgres sorts so without asking the C library for each pair, which is most of
-- what building the indexes takes.
alter table artifact
    alter column device type text collate "C",
    alter column kind type text collate "C",
    alter column key type text collate "C",
    alter column sender_handle type text collate "C";
