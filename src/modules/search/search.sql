-- The state of the index. What differs between its two halves is in search_index.c and search_find.c.

-- name: state
SELECT s.slot, s.generation, s.position, s.format, s.built_at, s.indexed_at, t.documents, t.stale
FROM search_state s JOIN search_slots t ON t.slot = s.slot WHERE s.id = 1

-- name: turn
SELECT s.slot, s.generation, s.position, s.format, s.built_at, s.indexed_at, t.documents, t.stale
FROM search_state s JOIN search_slots t ON t.slot = s.slot WHERE s.id = 1
-- for: pg
SELECT s.slot, s.generation, s.position, s.format, s.built_at, s.indexed_at, t.documents, t.stale
FROM search_state s JOIN search_slots t ON t.slot = s.slot WHERE s.id = 1 FOR UPDATE OF s

-- $2 documents come, $3 go.
-- name: take_numbers
UPDATE search_slots SET next_n = next_n + $2, documents = documents + $2 - $3, stale = stale + $3 WHERE slot = $1
RETURNING next_n

-- name: clear_slot
UPDATE search_slots SET next_n = 1, documents = 0, stale = 0, builder = $2 WHERE slot = $1

-- name: builder
SELECT COALESCE(builder, '') FROM search_slots WHERE slot = $1
-- for: pg
SELECT COALESCE(builder, '') FROM search_slots WHERE slot = $1 FOR UPDATE

-- name: save_position
UPDATE search_state SET position = $1, indexed_at = $2 WHERE id = 1

-- name: save_format
UPDATE search_state SET format = $1 WHERE id = 1

-- name: swap
UPDATE search_state SET slot = $1, generation = generation + 1, position = $2, format = $3, built_at = $4,
    indexed_at = $4 WHERE id = 1

-- name: pruned
SELECT pruned FROM event_stream WHERE id = 1

-- name: ago
SELECT at FROM events WHERE position > $1 ORDER BY position LIMIT 1

-- Committed, but without a place yet.
-- name: unplaced
SELECT 0
-- for: pg
SELECT count(*) FROM (SELECT 1 FROM events WHERE position IS NULL LIMIT 1000) AS waiting

-- name: built
UPDATE search_slots SET builder = NULL WHERE slot = $1
