-- In how many rows of a table each word stands: a search knows where it need not look at all, and how
-- much of the history holds as many hits as it wants. A new table, because the words are listed anew in
-- any case, which table_upkeep does; until then searches find their way as they did before.
drop table shard_word;
create table shard_word (
    word text collate "C" not null,
    shard integer not null,
    found integer not null,
    primary key (word, shard) include (found)
);
update artifact_shard set has_words = false where has_words;
