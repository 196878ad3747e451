-- Attempts are counted by what they guess at: copies of a backup, a folder that was moved and one
-- that is found under another id have the same keybag. Null in rows from before: those count for
-- their backup until they are a day old.
alter table attempt add column keybag bytea;

drop index attempt_by_backup;
create index attempt_by_keybag on attempt (keybag, attempted_at);
