-- What kinds were read from, see kind_inputs.py: $1 device, $2 kind, $3 the moment.

-- name: unchanged
-- The newest indexed revision, if it comes before $3, of the parser $4 and the same inputs $5.
select k.taken_at, k.report from kind_index k
where k.device = $1 and k.kind = $2 and k.state = 'indexed' and k.taken_at < $3
  and k.parser_version = $4 and k.inputs = $5
  and not exists (
      select 1 from kind_index l
      where l.device = $1 and l.kind = $2 and l.state = 'indexed' and l.taken_at > k.taken_at
  )

-- name: note
update kind_index set inputs = $4
where device = $1 and kind = $2 and taken_at = $3 and state = 'indexed'

-- name: move_memory
-- What was remembered of $3 is what there is at $4.
update memory set taken_at = $4 where device = $1 and kind = $2 and taken_at = $3
