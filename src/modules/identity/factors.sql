-- Second factors, and sign-ins that wait for one.

-- name: of_user
SELECT (SELECT COUNT(*) FROM user_totp WHERE id = $1 AND confirmed_at IS NOT NULL),
    (SELECT COUNT(*) FROM passkeys WHERE user_id = $1),
    (SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1 AND used_at IS NULL)

-- name: session_state
SELECT authenticated_at, is_limited, kind FROM user_sessions WHERE id = $1

-- A new cookie comes with it.
-- name: session_confirm
UPDATE user_sessions SET authenticated_at = $2, token_hash = COALESCE($3, token_hash) WHERE id = $1

-- name: session_limit
UPDATE user_sessions SET is_limited = $2 WHERE id = $1

-- name: challenge_add
INSERT INTO sign_in_challenges (token_hash, purpose, user_id, passkey_challenge, attempts, created_at, expires_at)
    VALUES ($1, $2, $3, $4, 0, $5, $6)

-- name: challenge_read
SELECT user_id, passkey_challenge FROM sign_in_challenges
WHERE token_hash = $1 AND purpose = $2 AND used_at IS NULL AND expires_at > $3

-- Holds the row until the end of the transaction: attempts come one after the other.
-- name: challenge_attempt
UPDATE sign_in_challenges SET attempts = attempts + 1
WHERE token_hash = $1 AND purpose = 'second_factor' AND used_at IS NULL AND expires_at > $2 AND attempts < $3
    AND user_id IN (SELECT id FROM users WHERE status = 'active' AND deleted_at IS NULL)
RETURNING user_id

-- Of callers with the same one, one changes a row.
-- name: challenge_take
UPDATE sign_in_challenges SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2

-- name: challenges_forget
DELETE FROM sign_in_challenges WHERE user_id = $1

-- name: prune_challenges
DELETE FROM sign_in_challenges WHERE expires_at < $1

-- name: totp_begin
INSERT INTO user_totp (id, secret, created_at, last_step) VALUES ($1, $2, $3, 0)
ON CONFLICT (id) DO UPDATE SET secret = $2, created_at = $3 WHERE user_totp.confirmed_at IS NULL

-- name: totp_read
SELECT secret, last_step, confirmed_at FROM user_totp WHERE id = $1

-- name: totp_confirm
UPDATE user_totp SET confirmed_at = $2, last_step = $3 WHERE id = $1 AND confirmed_at IS NULL

-- Of callers with the same code, one changes a row.
-- name: totp_use
UPDATE user_totp SET last_step = $2 WHERE id = $1 AND last_step < $2 AND confirmed_at IS NOT NULL

-- name: totp_remove
DELETE FROM user_totp WHERE id = $1

-- name: recovery_code_add
INSERT INTO recovery_codes (code_hash, user_id, created_at) VALUES ($1, $2, $3)

-- name: recovery_code_use
UPDATE recovery_codes SET used_at = $3 WHERE code_hash = $1 AND user_id = $2 AND used_at IS NULL

-- name: recovery_codes_remove
DELETE FROM recovery_codes WHERE user_id = $1

-- name: passkey_add
INSERT INTO passkeys (id, user_id, name, credential_id, public_key, sign_count, aaguid, transports, is_synced, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)

-- name: passkeys_list
SELECT id, name, is_synced, created_at, last_used_at FROM passkeys WHERE user_id = $1 ORDER BY created_at, id LIMIT $2

-- name: passkey_read
SELECT id, name, is_synced, created_at, last_used_at FROM passkeys WHERE user_id = $1 AND id = $2

-- name: passkey_credentials
SELECT credential_id, transports FROM passkeys WHERE user_id = $1 ORDER BY created_at, id LIMIT $2

-- name: passkey_by_credential
SELECT p.id, p.public_key, u.id, u.name FROM passkeys p JOIN users u ON u.id = p.user_id
WHERE p.credential_id = $1 AND u.status = 'active' AND u.deleted_at IS NULL

-- A counter that does not grow tells of a copy; authenticators without one leave it at 0.
-- name: passkey_use
UPDATE passkeys SET sign_count = $2, is_synced = $3, last_used_at = $4
WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))

-- name: passkey_rename
UPDATE passkeys SET name = $3 WHERE user_id = $1 AND id = $2

-- name: passkey_remove
DELETE FROM passkeys WHERE user_id = $1 AND id = $2

-- name: passkeys_remove
DELETE FROM passkeys WHERE user_id = $1
