-- Words of paths, for searches through all archives. Paths of a phone backup's blobs are made of
-- digits that nobody remembers, so they are left out: whoever searches says the same condition.

create function path_words(path text) returns tsvector
    language sql immutable parallel safe
    return to_tsvector('simple'::regconfig,
        translate(lower(normalize(path, nfkc)), '/\._-+,:;!?@#$%&()[]{}<>=~^''"`|*', repeat(' ', 40)));

create function is_blob_path(path text) returns boolean
    language sql immutable parallel safe
    return path ~ '^[0-9a-f]{2}/[0-9a-f]{40}$';

create index tree_entry_words on tree_entry using gin (path_words(shown))
    where not is_blob_path(shown);
