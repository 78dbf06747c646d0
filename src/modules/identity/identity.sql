-- People, sessions, keys.

-- name: user_by_email
SELECT u.id, u.name, u.status, p.hash FROM users u LEFT JOIN user_passwords p ON p.user_id = u.id
WHERE u.email = $1 AND u.deleted_at IS NULL

-- name: user_by_id
SELECT u.id, u.name, u.status, p.hash, u.email FROM users u LEFT JOIN user_passwords p ON p.user_id = u.id
WHERE u.id = $1 AND u.deleted_at IS NULL

-- name: names
SELECT id, name FROM users WHERE id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT id, name FROM users WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- As user_by_id.
-- name: addressee_by_email
SELECT u.id, u.name, u.status, NULL, u.email FROM users u WHERE u.email = $1 AND u.deleted_at IS NULL

-- How often a link was asked for to the address since $3.
-- name: reset_asked
INSERT INTO password_resets (account, asked, since) VALUES ($1, 1, $2)
ON CONFLICT (account) DO UPDATE SET
    asked = CASE WHEN password_resets.since < $3 THEN 1 ELSE password_resets.asked + 1 END,
    since = CASE WHEN password_resets.since < $3 THEN excluded.since ELSE password_resets.since END
RETURNING asked

-- name: prune_resets
DELETE FROM password_resets WHERE since < $1

-- Somebody who can sign in. Of those that a catalog brought only who has a password or a role: the others are no reason
-- to leave a new server without an administrator.
-- name: active_users
SELECT COUNT(*) FROM (SELECT 1 FROM users u WHERE u.status = 'active' AND u.deleted_at IS NULL AND (u.source IS NULL
    OR EXISTS (SELECT 1 FROM user_passwords p WHERE p.user_id = u.id)
    OR EXISTS (SELECT 1 FROM role_bindings b WHERE b.subject_kind = 'user' AND b.subject_id = u.id)) LIMIT 1) AS living

-- name: bootstrap_user
SELECT t.user_id FROM one_time_tokens t JOIN users u ON u.id = t.user_id
WHERE t.purpose = 'bootstrap' AND u.status = 'invited' AND u.deleted_at IS NULL ORDER BY t.created_at LIMIT 1

-- name: password_set
INSERT INTO user_passwords (user_id, hash, changed_at) VALUES ($1, $2, $3)
ON CONFLICT (user_id) DO UPDATE SET hash = $2, changed_at = $3

-- Parameters have risen since; unless it was changed at the same moment.
-- name: password_rehash
UPDATE user_passwords SET hash = $2 WHERE user_id = $1 AND hash = $3

-- name: locked_until
SELECT locked_until FROM sign_in_failures WHERE account = $1

-- name: failure_add
INSERT INTO sign_in_failures (account, failures, last_at, locked_until) VALUES ($1, 1, $2, 0)
ON CONFLICT (account) DO UPDATE SET last_at = $2,
    failures = CASE WHEN sign_in_failures.last_at < $3 THEN 1 ELSE sign_in_failures.failures + 1 END
RETURNING failures, locked_until

-- name: failure_lock
UPDATE sign_in_failures SET locked_until = $2 WHERE account = $1 AND locked_until < $2

-- name: failures_forget
DELETE FROM sign_in_failures WHERE account = $1

-- name: session_add
INSERT INTO user_sessions (id, user_id, kind, token_hash, address, user_agent, created_at, last_used_at,
        authenticated_at, idle_expires_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $7, $8, $9)

-- name: session_by_id
SELECT s.id, u.id, u.name, s.idle_expires_at, s.expires_at, s.is_limited FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id = $1 AND s.kind = 'token' AND s.revoked_at IS NULL AND u.status = 'active' AND u.deleted_at IS NULL

-- name: session_by_cookie
SELECT s.id, u.id, u.name, s.idle_expires_at, s.expires_at, s.is_limited FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.token_hash = $1 AND s.kind = 'cookie' AND s.revoked_at IS NULL AND u.status = 'active' AND u.deleted_at IS NULL

-- name: session_used
UPDATE user_sessions SET last_used_at = $2, idle_expires_at = CASE WHEN kind = 'cookie' THEN $2 + $3 ELSE idle_expires_at END
WHERE id = $1 AND last_used_at < $2

-- name: sessions_list
SELECT id, kind, address, user_agent, created_at, last_used_at, expires_at FROM user_sessions
WHERE user_id = $1 AND revoked_at IS NULL AND idle_expires_at > $2 AND expires_at > $2
ORDER BY created_at DESC, id DESC LIMIT $3

-- name: session_end
UPDATE user_sessions SET revoked_at = $3, revoked_reason = $4 WHERE id = $1 AND user_id = $2 AND revoked_at IS NULL

-- name: sessions_end_others
UPDATE user_sessions SET revoked_at = $3, revoked_reason = $4 WHERE user_id = $1 AND id <> $2 AND revoked_at IS NULL

-- name: family_end
UPDATE user_sessions SET revoked_at = $2, revoked_reason = 'refresh_reuse' WHERE id = $1 AND revoked_at IS NULL

-- Of callers with the same token one gets a row.
-- name: refresh_take
UPDATE refresh_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2 RETURNING session_id

-- name: refresh_used
SELECT t.session_id, s.user_id FROM refresh_tokens t JOIN user_sessions s ON s.id = t.session_id
WHERE t.token_hash = $1 AND t.used_at IS NOT NULL

-- name: refresh_session
UPDATE user_sessions SET last_used_at = $2, idle_expires_at = $2 + $3
WHERE id = $1 AND revoked_at IS NULL AND expires_at > $2 RETURNING user_id

-- name: refresh_add
INSERT INTO refresh_tokens (token_hash, session_id, parent_hash, issued_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: one_time_add
INSERT INTO one_time_tokens (token_hash, user_id, purpose, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)

-- name: one_time_read
SELECT user_id, purpose FROM one_time_tokens WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2

-- name: one_time_take
UPDATE one_time_tokens SET used_at = $2 WHERE token_hash = $1 AND used_at IS NULL AND expires_at > $2

-- name: one_time_forget
UPDATE one_time_tokens SET used_at = $2 WHERE user_id = $1 AND used_at IS NULL

-- name: keys_expire_of_user
UPDATE api_keys SET expires_at = $2, previous_until = NULL, previous_hash = NULL, revision = revision + 1
WHERE user_id = $1 AND expires_at > $2

-- name: api_key_by_hash
SELECT k.id, k.scopes, k.expires_at, CASE WHEN k.previous_hash = $1 THEN k.previous_until END, u.id, u.name, a.id, a.name,
    k.rate_limit
FROM api_keys k
LEFT JOIN users u ON u.id = k.user_id AND u.status = 'active' AND u.deleted_at IS NULL
LEFT JOIN service_accounts a ON a.id = k.service_account_id AND a.status = 'active' AND a.deleted_at IS NULL
WHERE k.key_hash = $1 OR k.previous_hash = $1

-- Those of the list that may call: id and a number that stays while the same credential counts.
-- name: sessions_living
SELECT s.id, 1 FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id IN (SELECT value FROM json_each($1)) AND s.revoked_at IS NULL AND s.idle_expires_at > $2 AND s.expires_at > $2
    AND u.status = 'active' AND u.deleted_at IS NULL
-- for: pg
SELECT s.id, CAST(1 AS BIGINT) FROM user_sessions s JOIN users u ON u.id = s.user_id
WHERE s.id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB))) AND s.revoked_at IS NULL AND s.idle_expires_at > $2
    AND s.expires_at > $2 AND u.status = 'active' AND u.deleted_at IS NULL

-- name: api_keys_living
SELECT k.id, k.revision FROM api_keys k
LEFT JOIN users u ON u.id = k.user_id AND u.status = 'active' AND u.deleted_at IS NULL
LEFT JOIN service_accounts a ON a.id = k.service_account_id AND a.status = 'active' AND a.deleted_at IS NULL
WHERE k.id IN (SELECT value FROM json_each($1)) AND k.expires_at > $2 AND (u.id IS NOT NULL OR a.id IS NOT NULL)
-- for: pg
SELECT k.id, k.revision FROM api_keys k
LEFT JOIN users u ON u.id = k.user_id AND u.status = 'active' AND u.deleted_at IS NULL
LEFT JOIN service_accounts a ON a.id = k.service_account_id AND a.status = 'active' AND a.deleted_at IS NULL
WHERE k.id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB))) AND k.expires_at > $2
    AND (u.id IS NOT NULL OR a.id IS NOT NULL)

-- name: service_accounts_living
SELECT id, 1 FROM service_accounts
WHERE id IN (SELECT value FROM json_each($1)) AND status = 'active' AND deleted_at IS NULL AND $2 > 0
-- for: pg
SELECT id, CAST(1 AS BIGINT) FROM service_accounts
WHERE id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB))) AND status = 'active' AND deleted_at IS NULL
    AND CAST($2 AS BIGINT) > 0

-- name: service_account_by_name
SELECT id, name FROM service_accounts WHERE name = $1 AND status = 'active' AND deleted_at IS NULL

-- name: api_key_set
UPDATE api_keys SET key_hash = $2 WHERE id = $1

-- name: api_key_rotate
UPDATE api_keys SET previous_hash = CASE WHEN $3 > 0 THEN key_hash END, key_hash = $2 WHERE id = $1
-- for: pg
UPDATE api_keys SET previous_hash = CASE WHEN CAST($3 AS BIGINT) > 0 THEN key_hash END, key_hash = $2 WHERE id = $1

-- name: api_key_used
UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at < $2)

-- name: api_key_scopes
SELECT scopes FROM api_keys WHERE id = $1

-- name: signing_keys
SELECT id, private_key, created_at, active_from FROM signing_keys ORDER BY active_from, id LIMIT 16

-- name: signing_key_add
INSERT INTO signing_keys (id, algorithm, private_key, created_at, active_from) VALUES ($1, 'EdDSA', $2, $3, $4)

-- name: signing_keys_newest
SELECT COALESCE(MAX(created_at), 0) FROM signing_keys

-- Those whose successor has signed since before $1.
-- name: signing_keys_forget
DELETE FROM signing_keys WHERE active_from < (SELECT MAX(n.active_from) FROM signing_keys n WHERE n.active_from < $1)

-- name: signing_keys_forget_others
DELETE FROM signing_keys WHERE id <> $1

-- name: prune_failures
DELETE FROM sign_in_failures WHERE last_at < $1

-- name: prune_sessions
DELETE FROM user_sessions WHERE expires_at < $1

-- name: prune_refresh
DELETE FROM refresh_tokens WHERE expires_at < $1

-- name: prune_one_time
DELETE FROM one_time_tokens WHERE expires_at < $1 AND purpose <> 'bootstrap'

-- Sign-in by providers.

-- name: state_add
INSERT INTO sign_in_states (id, provider, browser_hash, nonce, verifier, return_to, user_id, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)

-- Of callers with the same state one gets a row.
-- name: state_take
DELETE FROM sign_in_states WHERE id = $1 AND provider = $2 AND browser_hash = $3 AND expires_at > $4
RETURNING nonce, verifier, return_to, user_id

-- name: prune_states
DELETE FROM sign_in_states WHERE expires_at < $1

-- name: user_by_identity
SELECT u.id, u.name, CASE WHEN u.deleted_at IS NULL THEN u.status ELSE '' END
FROM user_identities i JOIN users u ON u.id = i.user_id WHERE i.issuer = $1 AND i.subject = $2

-- name: identity_put
INSERT INTO user_identities (id, user_id, issuer, subject, provider, label, created_at, last_used_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $7)
ON CONFLICT (issuer, subject) DO UPDATE SET provider = $5, label = $6, last_used_at = $7
WHERE user_identities.user_id = $2

-- name: identities_list
SELECT id, provider, issuer, label, created_at, last_used_at FROM user_identities WHERE user_id = $1
ORDER BY created_at, id LIMIT $2

-- name: user_lock
SELECT 1 FROM users WHERE id = $1
-- for: pg
SELECT CAST(1 AS BIGINT) FROM users WHERE id = $1 FOR UPDATE

-- name: identity_delete
DELETE FROM user_identities WHERE id = $1 AND user_id = $2 RETURNING provider

-- name: other_ways_in
SELECT (SELECT COUNT(*) FROM user_passwords WHERE user_id = $1)
    + (SELECT COUNT(*) FROM user_identities WHERE user_id = $1 AND id <> $2)

-- name: teams_named
SELECT t.id, t.slug, t.name, o.slug FROM teams t JOIN organizations o ON o.id = t.org_id
WHERE t.deleted_at IS NULL AND o.deleted_at IS NULL
    AND (t.slug IN (SELECT value FROM json_each($1)) OR t.name IN (SELECT value FROM json_each($1)))
ORDER BY t.created_at, t.id LIMIT $2
-- for: pg
SELECT t.id, t.slug, t.name, o.slug FROM teams t JOIN organizations o ON o.id = t.org_id
WHERE t.deleted_at IS NULL AND o.deleted_at IS NULL
    AND (t.slug IN (SELECT json_array_elements_text(CAST($1 AS JSON)))
        OR t.name IN (SELECT json_array_elements_text(CAST($1 AS JSON))))
ORDER BY t.created_at, t.id LIMIT $2

-- name: memberships_of_user
SELECT id, team_id, source FROM team_memberships WHERE user_id = $1 ORDER BY joined_at, id LIMIT $2
