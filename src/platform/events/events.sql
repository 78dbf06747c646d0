-- name: insert
INSERT INTO events (id, type, source, subject, actor, at, data) VALUES ($1, $2, $3, $4, $5, $6, $7)

-- name: after
SELECT position, id, type, source, subject, actor, at, data FROM events
    WHERE position > $1 ORDER BY position LIMIT $2

-- name: head
SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)
-- for: pg
SELECT position FROM event_stream

-- name: pruned
SELECT pruned FROM event_stream

-- name: prune_bound
SELECT COALESCE(MAX(position), 0) FROM (
    SELECT position, at FROM events WHERE position IS NOT NULL ORDER BY position LIMIT $2
) AS oldest WHERE at < $1

-- name: prune
DELETE FROM events WHERE position <= $1

-- name: prune_note
UPDATE event_stream SET pruned = $1 WHERE pruned < $1

-- name: sub_add
INSERT INTO event_subscriptions (name, position, updated_at) VALUES ($1, $2, $3) ON CONFLICT (name) DO NOTHING

-- name: sub_position
SELECT position FROM event_subscriptions WHERE name = $1

-- name: sub_lease
UPDATE event_subscriptions SET lease_owner = $2, lease_until = $3, updated_at = $4
    WHERE name = $1 AND (lease_owner = $2 OR lease_owner IS NULL OR lease_until < $4)

-- name: sub_lease_until
SELECT lease_until FROM event_subscriptions WHERE name = $1

-- name: sub_owner
SELECT lease_owner FROM event_subscriptions WHERE name = $1 AND lease_owner IS NOT NULL

-- name: sub_free
UPDATE event_subscriptions SET lease_owner = NULL, lease_until = 0 WHERE name = $1 AND lease_owner = $2

-- name: sub_save
UPDATE event_subscriptions
    SET position = $3, lease_until = $4, failures = $5, error = $6, updated_at = $7
    WHERE name = $1 AND lease_owner = $2

-- name: sub_release
UPDATE event_subscriptions SET lease_owner = NULL, lease_until = 0 WHERE name = $1 AND lease_owner = $2
