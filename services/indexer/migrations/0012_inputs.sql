-- The digest of everything that decided what a run found, see services/indexer/kind_inputs.py: when
-- the next revision has the same, the kind is not read again. Null where nobody may rely on it.
alter table kind_index add column inputs bytea;
