-- The words of tables, see storage_words.

-- name: beginning
-- $1 beginnings, $2 tables; $3 as many rows of the list as are looked at for each. Whether all tables
-- are listed is asked again in the same breath: words may have been forgotten meanwhile.
select b.beginning, coalesce(w.words, '{}') as words, w.looked_at,
       (select bool_and(s.has_words) from artifact_shard s where s.shard = any($2)) as is_listed
from unnest($1::text[]) as b (beginning)
cross join lateral (
    select array_agg(distinct w.word) as words, count(*) as looked_at
    from (
        select s.word from shard_word s
        where s.word >= b.beginning collate "C"
          and s.word < (b.beginning || U&'\+10FFFF') collate "C"
        order by s.word limit $3
    ) w
) w

-- name: find_missing
select shard from artifact_shard
where state = 'attached' and shard > 0 and not has_words
order by last_at desc nulls first, shard limit 1

-- name: hold
-- Nobody forgets words of a table while they are listed.
select shard from artifact_shard where shard = $1 for update

-- name: list
insert into shard_word (word, shard)
select word, {shard} from ts_stat('select search from artifact_{shard}')
on conflict do nothing

-- name: unlist
update artifact_shard set has_words = false where device = $1 and has_words

-- name: forget
delete from shard_word w using artifact_shard s where w.shard = s.shard and s.device = $1
