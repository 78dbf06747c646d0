-- name: pending
SELECT EXISTS (SELECT 1 FROM events WHERE position IS NULL)::int

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
