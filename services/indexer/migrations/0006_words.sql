-- Attachments and links are few: words are found among them by an index of their own.
create index artifact_special_search on artifact using gin (search)
    where has_attachment or has_link;

-- Which words the tables of large first runs hold, whose texts never change. Asking an index of words
-- for a beginning takes more than twice as long as asking it for the words that begin so. Built after
-- the rest; whoever removes a table, or forgets rows of it, removes its words.
create table shard_word (
    word text collate "C" not null,
    shard integer not null,
    primary key (word, shard)
);
alter table artifact_shard add column has_words boolean not null default false;
