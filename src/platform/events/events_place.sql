-- Until the statistics say that hardly any row is unplaced, the planner would read and sort what vacuum has not
-- removed yet. An ordered scan of events_unplaced passes over rows that it has once found dead.
-- name: plan
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true),
    set_config('enable_sort', 'off', true), set_config('jit', 'off', true)

-- name: pending
SELECT seq FROM events WHERE position IS NULL ORDER BY seq LIMIT 1

-- The lock of the row makes placers take turns; the rows placed before are visible to the next.
-- name: lock
SELECT position FROM event_stream FOR UPDATE

-- name: batch
WITH batch AS (
    SELECT seq, row_number() OVER (ORDER BY seq) AS n
        FROM (SELECT seq FROM events WHERE position IS NULL ORDER BY seq LIMIT $2) AS unplaced
)
UPDATE events SET position = $1 + batch.n FROM batch WHERE events.seq = batch.seq

-- name: advance
UPDATE event_stream SET position = position + $1
