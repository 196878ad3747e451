-- Which word follows which: a mark for each two words that stand side by side, one of 65,536, beside the
-- marks of times that `dated_words` gives. An index of words alone finds all rows that hold the words of
-- a phrase, in whatever order, and each of them has to be read. Two pairs may share a mark, so what is
-- found is looked at all the same. The place of words far behind in a long text is not known: such texts
-- have the mark of all pairs. search/dated.py asks for these marks.
create function pair_mark(former text, latter text) returns text
language sql immutable parallel safe as $$
    select e'\x01p' || (hashtextextended(former || ' ' || latter, 0) & 65535)::text
$$;

create function paired_words(search tsvector, sort_at timestamptz) returns tsvector
language plpgsql immutable parallel safe as $$
declare
    word text;
    place smallint;
    words text[];
    former text;
    marks text[] := array[]::text[];
begin
    for word, place in select u.lexeme, unnest(u.positions) from unnest(search) u loop
        if place >= 16383 then
            marks := marks || e'\x01p*'::text;
        else
            words[place] := word;
        end if;
    end loop;
    foreach word in array coalesce(words, '{}') loop
        if former is not null and word is not null then
            marks := marks || pair_mark(former, word);
        end if;
        former := word;
    end loop;
    return dated_words(array_to_tsvector(marks), sort_at, false, false);
end
$$;

-- Whether a table has an index of that, artifact_<shard>_paired; it is built after all others.
alter table artifact_shard add column has_paired boolean not null default false;
