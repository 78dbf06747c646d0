-- name: insert
INSERT INTO audit_logs (id, at, actor_kind, actor_id, actor_name, key_id, session_id, address, request_id, action,
    resource_type, resource_id, before_state, after_state, seq, prev_hash, hash)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)

-- As events_place.plan: an ordered scan passes over rows that it has once found dead. Places that are lost with the
-- power are given anew, so their commit need not wait for the disk; a checkpoint's does. SQLite has no use for it.
-- name: plan
SELECT ''
-- for: pg
SELECT set_config('enable_bitmapscan', 'off', true) || set_config('enable_seqscan', 'off', true)
    || set_config('enable_sort', 'off', true) || set_config('jit', 'off', true)
    || set_config('synchronous_commit', 'off', true)

-- name: waiting
SELECT id FROM audit_logs WHERE seq IS NULL LIMIT 1
-- for: pg
SELECT id FROM audit_logs WHERE seq IS NULL ORDER BY written NULLS FIRST, id LIMIT 1

-- name: unchained
SELECT seq, id, at, actor_kind, actor_id, actor_name, key_id, session_id, address, request_id, action, resource_type,
    resource_id, before_state, after_state, prev_hash, hash
    FROM audit_logs WHERE seq IS NULL ORDER BY rowid LIMIT $1
-- for: pg
SELECT seq, id, at, actor_kind, actor_id, actor_name, key_id, session_id, address, request_id, action, resource_type,
    resource_id, before_state, after_state, prev_hash, hash
    FROM audit_logs WHERE seq IS NULL ORDER BY written NULLS FIRST, id LIMIT $1

-- name: chain
UPDATE audit_logs SET seq = $2, prev_hash = $3, hash = $4 WHERE id = $1 AND seq IS NULL

-- name: head
SELECT seq, hash, checkpoint, checkpoint_seq, checkpoint_at, checkpoint_digest FROM audit_head

-- name: head_lock
SELECT seq, hash, checkpoint, checkpoint_seq, checkpoint_at, checkpoint_digest FROM audit_head
-- for: pg
SELECT seq, hash, checkpoint, checkpoint_seq, checkpoint_at, checkpoint_digest FROM audit_head FOR UPDATE

-- name: head_write
UPDATE audit_head SET seq = $1, hash = $2, checkpoint = $3, checkpoint_seq = $4, checkpoint_at = $5,
    checkpoint_digest = $6

-- name: checkpoint_add
INSERT INTO audit_checkpoints (number, seq, body, signature) VALUES ($1, $2, $3, $4)

-- name: checkpoints
SELECT number, seq, body, signature FROM audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2

-- name: checkpoint_body
SELECT body FROM audit_checkpoints WHERE number = $1

-- name: key_add
INSERT INTO audit_keys (id, created_at, public_key, private_key) VALUES ($1, $2, $3, $4)

-- name: keys
SELECT id, public_key, private_key FROM audit_keys ORDER BY created_at DESC, id DESC LIMIT $1

-- name: page
SELECT seq, id, at, actor_kind, actor_id, actor_name, key_id, session_id, address, request_id, action, resource_type,
    resource_id, before_state, after_state, prev_hash, hash
    FROM audit_logs WHERE seq >= $1 AND (seq > $1 OR id > $2) AND seq <= $3 ORDER BY seq, id LIMIT $4

-- name: first_seq
SELECT COALESCE(MIN(seq), 1) FROM audit_logs WHERE seq IS NOT NULL

-- name: last_seq
SELECT COALESCE(MAX(seq), 0) FROM audit_logs WHERE seq IS NOT NULL

-- name: pending
SELECT COUNT(*), COALESCE(MIN(at), 0), COALESCE(MIN(id), '') FROM audit_logs WHERE seq IS NULL
