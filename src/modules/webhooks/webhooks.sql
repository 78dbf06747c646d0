-- name: enabled
SELECT id, types FROM webhooks WHERE enabled = 1 ORDER BY id

-- name: exists
SELECT COUNT(*) FROM webhooks WHERE id = $1

-- name: keep_secret
UPDATE webhooks SET previous_secret = secret WHERE id = $1

-- name: forget_deliveries
DELETE FROM webhook_deliveries WHERE webhook_id = $1

-- name: delivery_add
INSERT INTO webhook_deliveries (id, revision, created_at, updated_at, created_by, updated_by, webhook_id, event_id,
        event_type, status, attempts, next_attempt_at, body)
    VALUES ($1, 1, $2, $2, $3, $3, $4, $5, $6, 'pending', 0, $2, $7)
    ON CONFLICT (webhook_id, event_id) DO NOTHING

-- name: delivery_read
SELECT w.id, w.url, w.enabled, w.secret, w.previous_secret, COALESCE(w.previous_secret_until, 0), d.event_id,
        d.event_type, d.body, d.status, COALESCE(w.failing_since, 0), w.name
    FROM webhook_deliveries AS d JOIN webhooks AS w ON w.id = d.webhook_id
    WHERE d.id = $1

-- name: delivery_attempted
UPDATE webhook_deliveries SET revision = revision + 1, updated_at = $2, status = $3, attempts = attempts + 1,
        response_code = $4, duration_ms = $5, error = $6, last_attempt_at = $2, next_attempt_at = $7
    WHERE id = $1

-- name: delivery_dropped
UPDATE webhook_deliveries SET revision = revision + 1, updated_at = $2, status = 'dead', error = $3,
        next_attempt_at = NULL
    WHERE id = $1 AND status <> 'succeeded'

-- name: delivery_again
UPDATE webhook_deliveries SET revision = revision + 1, updated_at = $3, updated_by = $4, status = 'pending',
        next_attempt_at = $3
    WHERE id = $1 AND webhook_id = $2

-- name: note_success
UPDATE webhooks SET revision = revision + 1, failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL

-- name: note_failure
UPDATE webhooks SET revision = revision + 1, failing_since = $2 WHERE id = $1 AND failing_since IS NULL

-- name: disable
UPDATE webhooks SET revision = revision + 1, updated_at = $2, updated_by = NULL, enabled = 0, disabled_reason = $3
    WHERE id = $1 AND enabled = 1

-- name: prune
DELETE FROM webhook_deliveries WHERE id IN (
    SELECT id FROM webhook_deliveries
        WHERE created_at < $1 AND status IN ('succeeded', 'dead') ORDER BY created_at LIMIT $2)
