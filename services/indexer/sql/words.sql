-- The words of tables, see storage_words.

-- name: known
-- Words from $1 up to $2 each, in tables $3; $4 as many rows of the list as are looked at for each pair.
-- Whether all tables are listed is asked again in the same breath: words may have been forgotten
-- meanwhile.
with known as materialized (
    select b.number, s.word, s.shard, s.found
    from unnest($1::text[], $2::text[]) with ordinality as b (first, last, number)
    cross join lateral (
        select s.word, s.shard, s.found from shard_word s
        where s.word >= b.first collate "C" and s.word <= b.last collate "C"
        order by s.word limit $4
    ) s
)
select w.number, w.words, w.looked_at, coalesce(t.shards, '{}') as shards,
       coalesce(t.found, '{}') as found, null as is_listed
from (
    select k.number, array_agg(distinct k.word) as words, count(*) as looked_at
    from known k group by k.number
) w
left join (
    select k.number, array_agg(k.shard) as shards, array_agg(k.found) as found
    from (
        select k.number, k.shard, sum(k.found) as found from known k
        where k.shard = any($3) group by k.number, k.shard
    ) k group by k.number
) t on t.number = w.number
union all
select 0, '{}', 0, '{}', '{}', bool_and(s.has_words) from artifact_shard s where s.shard = any($3)

-- name: find_missing
select shard from artifact_shard
where state = 'attached' and shard > 0 and not has_words
order by last_at desc nulls first, shard limit 1

-- name: hold
-- Nobody forgets words of a table while they are listed.
select shard from artifact_shard where shard = $1 for update

-- name: list
insert into shard_word (word, shard, found)
select word, {shard}, ndoc from ts_stat('select search from artifact_{shard}')
on conflict do nothing

-- name: unlist
update artifact_shard set has_words = false where device = $1 and has_words

-- name: forget
delete from shard_word w using artifact_shard s where w.shard = s.shard and s.device = $1
