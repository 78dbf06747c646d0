-- People and teams, and the entities they are.

-- Entity to record: what is there.
-- name: users_of_refs
SELECT entity_ref, id, name, email, claimed_email, avatar_url, status, source, vanished_at FROM users
WHERE deleted_at IS NULL AND entity_ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT entity_ref, id, name, email, claimed_email, avatar_url, status, source, vanished_at FROM users
WHERE deleted_at IS NULL AND entity_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: users_of_emails
SELECT entity_ref, id, name, email, claimed_email, avatar_url, status, source, vanished_at FROM users
WHERE deleted_at IS NULL AND erased_at IS NULL AND email IN (SELECT value FROM json_each($1))
-- for: pg
SELECT entity_ref, id, name, email, claimed_email, avatar_url, status, source, vanished_at FROM users
WHERE deleted_at IS NULL AND erased_at IS NULL AND email = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: user_insert
INSERT INTO users (id, revision, created_at, updated_at, name, claimed_email, avatar_url, status, entity_ref, source)
VALUES ($1, 1, $2, $2, $3, $4, $5, 'active', $6, $7)

-- name: user_update
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = NULL, name = $3, claimed_email = $4, avatar_url = $5,
    entity_ref = $6, source = $7, vanished_at = NULL,
    status = CASE WHEN vanished_at IS NOT NULL OR (status = 'invited' AND CAST($7 AS TEXT) IS NOT NULL) THEN 'active' ELSE status END
WHERE id = $1

-- name: users_vanish
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = NULL, status = 'deactivated', vanished_at = $2
WHERE status <> 'deactivated' AND id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = NULL, status = 'deactivated', vanished_at = $2
WHERE status <> 'deactivated' AND id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: users_let_go
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = NULL, entity_ref = NULL, source = NULL WHERE id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = NULL, entity_ref = NULL, source = NULL WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- An address follows what the entity says; while somebody else has it, its owner-to-be has none.
-- name: emails_release
UPDATE users SET email = NULL WHERE email IS NOT NULL AND (claimed_email IS NULL OR claimed_email <> email) AND id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE users SET email = NULL WHERE email IS NOT NULL AND (claimed_email IS NULL OR claimed_email <> email) AND id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- Of those who claim an address that nobody has, the oldest gets it. One pass over all who wait: a lookup for each would go
-- through all of them by the index of email.
-- name: emails_assign
UPDATE users SET email = claimed_email
WHERE id IN (SELECT w.id FROM (SELECT id, row_number() OVER (PARTITION BY claimed_email ORDER BY created_at, id) AS n FROM users
        WHERE email IS NULL AND claimed_email IS NOT NULL AND deleted_at IS NULL AND erased_at IS NULL) w WHERE w.n = 1)
    AND NOT EXISTS (SELECT 1 FROM users o WHERE o.email = users.claimed_email AND o.deleted_at IS NULL)

-- name: emails_of_vanished
UPDATE users SET email = NULL WHERE vanished_at IS NOT NULL AND id IN (SELECT value FROM json_each($1))
    AND email IN (SELECT claimed_email FROM users
        WHERE email IS NULL AND claimed_email IS NOT NULL AND deleted_at IS NULL)
-- for: pg
UPDATE users SET email = NULL WHERE vanished_at IS NOT NULL AND id IN (SELECT jsonb_array_elements_text($1::jsonb))
    AND email IN (SELECT claimed_email FROM users
        WHERE email IS NULL AND claimed_email IS NOT NULL AND deleted_at IS NULL)

-- name: emails_wanting
SELECT entity_ref FROM users WHERE email IS NULL AND claimed_email IS NOT NULL AND deleted_at IS NULL AND entity_ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT entity_ref FROM users WHERE email IS NULL AND claimed_email IS NOT NULL AND deleted_at IS NULL AND entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: claim_forget
UPDATE users SET claimed_email = NULL WHERE id = $1 AND source IS NULL AND claimed_email IS NOT NULL

-- name: user_returned
UPDATE users SET vanished_at = NULL WHERE id = $1 AND vanished_at IS NOT NULL AND status <> 'deactivated'

-- Of all of them at once, as identity does it for one.
-- name: sessions_end
UPDATE user_sessions SET revoked_at = $2, revoked_reason = $3 WHERE revoked_at IS NULL AND user_id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE user_sessions SET revoked_at = $2, revoked_reason = $3 WHERE revoked_at IS NULL AND user_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: links_end
UPDATE one_time_tokens SET used_at = $2 WHERE used_at IS NULL AND user_id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE one_time_tokens SET used_at = $2 WHERE used_at IS NULL AND user_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: keys_end
UPDATE api_keys SET expires_at = $2, previous_until = NULL, previous_hash = NULL, revision = revision + 1
WHERE expires_at > $2 AND user_id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE api_keys SET expires_at = $2, previous_until = NULL, previous_hash = NULL, revision = revision + 1
WHERE expires_at > $2 AND user_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- The living one comes last, and stays.
-- name: teams_of_refs
SELECT entity_ref, id, name, slug, description, org_id, source, vanished_at FROM teams
WHERE (deleted_at IS NULL OR vanished_at IS NOT NULL) AND entity_ref IN (SELECT value FROM json_each($1))
ORDER BY CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END, updated_at
-- for: pg
SELECT entity_ref, id, name, slug, description, org_id, source, vanished_at FROM teams
WHERE (deleted_at IS NULL OR vanished_at IS NOT NULL) AND entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
ORDER BY CASE WHEN deleted_at IS NULL THEN 1 ELSE 0 END, updated_at

-- name: organizations_of_slugs
SELECT slug, id FROM organizations WHERE deleted_at IS NULL AND slug IN (SELECT value FROM json_each($1))
-- for: pg
SELECT slug, id FROM organizations WHERE deleted_at IS NULL AND slug IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: slugs_taken
SELECT org_id, slug, id FROM teams WHERE deleted_at IS NULL AND slug IN (SELECT value FROM json_each($1))
-- for: pg
SELECT org_id, slug, id FROM teams WHERE deleted_at IS NULL AND slug IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: team_insert
INSERT INTO teams (id, revision, created_at, updated_at, org_id, name, slug, description, entity_ref, source)
VALUES ($1, 1, $2, $2, $3, $4, $5, $6, $7, $8)

-- name: team_update
UPDATE teams SET revision = revision + 1, updated_at = $2, updated_by = NULL, name = $3, description = $4, slug = $5, source = $6,
    deleted_at = CASE WHEN vanished_at IS NULL THEN deleted_at END, vanished_at = NULL
WHERE id = $1

-- name: teams_vanish
UPDATE teams SET revision = revision + 1, updated_at = $2, updated_by = NULL, deleted_at = $2, vanished_at = $2
WHERE deleted_at IS NULL AND id IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE teams SET revision = revision + 1, updated_at = $2, updated_by = NULL, deleted_at = $2, vanished_at = $2
WHERE deleted_at IS NULL AND id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: parents
UPDATE teams SET revision = revision + 1, parent_id = (SELECT MIN(p.id) FROM entity_relations r
        JOIN teams p ON p.entity_ref = r.target_ref AND p.deleted_at IS NULL
        WHERE r.source_ref = teams.entity_ref AND r.type = 'childOf')
WHERE deleted_at IS NULL AND (entity_ref IN (SELECT value FROM json_each($1)) OR entity_ref IN (
        SELECT source_ref FROM entity_relations WHERE type = 'childOf' AND target_ref IN (SELECT value FROM json_each($1))))
    AND COALESCE(parent_id, '') <> COALESCE((SELECT MIN(p.id) FROM entity_relations r
        JOIN teams p ON p.entity_ref = r.target_ref AND p.deleted_at IS NULL
        WHERE r.source_ref = teams.entity_ref AND r.type = 'childOf'), '')
-- for: pg
UPDATE teams SET revision = revision + 1, parent_id = (SELECT MIN(p.id) FROM entity_relations r
        JOIN teams p ON p.entity_ref = r.target_ref AND p.deleted_at IS NULL
        WHERE r.source_ref = teams.entity_ref AND r.type = 'childOf')
WHERE deleted_at IS NULL AND (entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb)) OR entity_ref IN (
        SELECT source_ref FROM entity_relations WHERE type = 'childOf' AND target_ref IN (SELECT jsonb_array_elements_text($1::jsonb))))
    AND COALESCE(parent_id, '') <> COALESCE((SELECT MIN(p.id) FROM entity_relations r
        JOIN teams p ON p.entity_ref = r.target_ref AND p.deleted_at IS NULL
        WHERE r.source_ref = teams.entity_ref AND r.type = 'childOf'), '')

-- Somebody is in a team if, and only if, the entities say so.
-- name: memberships_gone
DELETE FROM team_memberships WHERE id IN (SELECT m.id FROM team_memberships m
    JOIN teams t ON t.id = m.team_id JOIN users u ON u.id = m.user_id
    WHERE (u.entity_ref IN (SELECT value FROM json_each($1)) OR t.entity_ref IN (SELECT value FROM json_each($1)))
        AND u.deleted_at IS NULL AND u.vanished_at IS NULL AND t.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM entity_relations r
            WHERE r.source_ref = u.entity_ref AND r.type = 'memberOf' AND r.target_ref = t.entity_ref))
-- for: pg
DELETE FROM team_memberships WHERE id IN (SELECT m.id FROM team_memberships m
    JOIN teams t ON t.id = m.team_id JOIN users u ON u.id = m.user_id
    WHERE (u.entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb)) OR t.entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb)))
        AND u.deleted_at IS NULL AND u.vanished_at IS NULL AND t.deleted_at IS NULL
        AND NOT EXISTS (SELECT 1 FROM entity_relations r
            WHERE r.source_ref = u.entity_ref AND r.type = 'memberOf' AND r.target_ref = t.entity_ref))

-- name: memberships_new
SELECT t.id, u.id FROM entity_relations r
JOIN teams t ON t.entity_ref = r.target_ref AND t.deleted_at IS NULL
JOIN users u ON u.entity_ref = r.source_ref AND u.deleted_at IS NULL AND u.vanished_at IS NULL
WHERE r.type = 'memberOf' AND r.source_ref IN (SELECT value FROM json_each($1))
    AND NOT EXISTS (SELECT 1 FROM team_memberships m WHERE m.team_id = t.id AND m.user_id = u.id)
UNION
SELECT t.id, u.id FROM entity_relations r
JOIN teams t ON t.entity_ref = r.target_ref AND t.deleted_at IS NULL
JOIN users u ON u.entity_ref = r.source_ref AND u.deleted_at IS NULL AND u.vanished_at IS NULL
WHERE r.type = 'memberOf' AND r.target_ref IN (SELECT value FROM json_each($1))
    AND NOT EXISTS (SELECT 1 FROM team_memberships m WHERE m.team_id = t.id AND m.user_id = u.id)
-- for: pg
-- From relation to team and user by their keys, whatever the planner thinks of tables it has no statistics of yet.
WITH named AS MATERIALIZED (
    SELECT source_ref, target_ref FROM entity_relations
    WHERE type = 'memberOf' AND source_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
    UNION
    SELECT source_ref, target_ref FROM entity_relations
    WHERE type = 'memberOf' AND target_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
), found AS MATERIALIZED (
    SELECT (SELECT t.id FROM teams t WHERE t.entity_ref = named.target_ref AND t.deleted_at IS NULL) AS team_id,
        (SELECT u.id FROM users u WHERE u.entity_ref = named.source_ref AND u.deleted_at IS NULL AND u.vanished_at IS NULL)
            AS user_id
    FROM named
)
SELECT team_id, user_id FROM found
WHERE team_id IS NOT NULL AND user_id IS NOT NULL
    AND NOT EXISTS (SELECT 1 FROM team_memberships m WHERE m.team_id = found.team_id AND m.user_id = found.user_id)

-- name: membership_insert
INSERT INTO team_memberships (id, revision, created_at, updated_at, team_id, user_id, role, joined_at)
VALUES ($1, 1, $2, $2, $3, $4, 'member', $2)

-- Which location says that they are in the team; empty: none.
-- name: membership_stated
SELECT COALESCE(MAX(e.location), '') FROM users u JOIN teams t ON t.id = $2
JOIN entity_relations r ON r.source_ref = u.entity_ref AND r.type = 'memberOf' AND r.target_ref = t.entity_ref
JOIN entities e ON e.n = r.origin WHERE u.id = $1

-- Record to entity. What the catalog's sources own is not written.
-- name: user_rows
SELECT u.id, u.entity_ref, u.name, u.email, u.avatar_url, e.body FROM users u LEFT JOIN entities e ON e.ref = u.entity_ref
WHERE u.source IS NULL AND u.entity_ref IS NOT NULL AND u.deleted_at IS NULL AND u.id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT u.id, u.entity_ref, u.name, u.email, u.avatar_url, e.body FROM users u LEFT JOIN entities e ON e.ref = u.entity_ref
WHERE u.source IS NULL AND u.entity_ref IS NOT NULL AND u.deleted_at IS NULL AND u.id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: user_teams
SELECT m.user_id, t.entity_ref FROM team_memberships m JOIN teams t ON t.id = m.team_id AND t.deleted_at IS NULL
WHERE t.entity_ref IS NOT NULL AND m.user_id IN (SELECT value FROM json_each($1)) ORDER BY t.entity_ref
-- for: pg
SELECT m.user_id, t.entity_ref FROM team_memberships m JOIN teams t ON t.id = m.team_id AND t.deleted_at IS NULL
WHERE t.entity_ref IS NOT NULL AND m.user_id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY t.entity_ref

-- name: team_rows
SELECT t.id, t.entity_ref, t.name, t.description, p.entity_ref, e.body FROM teams t
LEFT JOIN teams p ON p.id = t.parent_id AND p.deleted_at IS NULL LEFT JOIN entities e ON e.ref = t.entity_ref
WHERE t.source IS NULL AND t.entity_ref IS NOT NULL AND t.deleted_at IS NULL AND t.id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT t.id, t.entity_ref, t.name, t.description, p.entity_ref, e.body FROM teams t
LEFT JOIN teams p ON p.id = t.parent_id AND p.deleted_at IS NULL LEFT JOIN entities e ON e.ref = t.entity_ref
WHERE t.source IS NULL AND t.entity_ref IS NOT NULL AND t.deleted_at IS NULL AND t.id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: team_members
SELECT m.team_id, u.entity_ref, CASE WHEN u.source IS NULL THEN 0 ELSE 1 END FROM team_memberships m
JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE u.entity_ref IS NOT NULL AND m.team_id IN (SELECT value FROM json_each($1)) ORDER BY u.entity_ref
-- for: pg
SELECT m.team_id, u.entity_ref, CASE WHEN u.source IS NULL THEN 0 ELSE 1 END FROM team_memberships m
JOIN users u ON u.id = m.user_id AND u.deleted_at IS NULL
WHERE u.entity_ref IS NOT NULL AND m.team_id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY u.entity_ref

-- Whose entities name the team themselves.
-- name: own_members
SELECT m.user_id FROM team_memberships m JOIN users u ON u.id = m.user_id
WHERE m.team_id = $1 AND u.source IS NULL AND u.deleted_at IS NULL

-- name: own_children
SELECT id FROM teams WHERE parent_id = $1 AND source IS NULL AND deleted_at IS NULL

-- Whose entities name these members.
-- name: own_teams
SELECT t.id FROM team_memberships m JOIN teams t ON t.id = m.team_id
WHERE t.source IS NULL AND t.deleted_at IS NULL AND m.user_id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT t.id FROM team_memberships m JOIN teams t ON t.id = m.team_id
WHERE t.source IS NULL AND t.deleted_at IS NULL AND m.user_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: orphan_children
UPDATE teams SET parent_id = NULL WHERE parent_id = $1

-- name: ref_taken
SELECT (SELECT COUNT(*) FROM users WHERE entity_ref = $1 AND deleted_at IS NULL)
    + (SELECT COUNT(*) FROM teams WHERE entity_ref = $1 AND deleted_at IS NULL)
    + (SELECT COUNT(*) FROM entities WHERE ref = $1)

-- name: organization_slug
SELECT slug FROM organizations WHERE id = $1

-- name: user_ref_set
UPDATE users SET entity_ref = $2 WHERE id = $1

-- Is $2 above $1?
-- name: ancestors
WITH RECURSIVE above (id, depth) AS (
    SELECT parent_id, 1 FROM teams WHERE id = $1
    UNION ALL SELECT t.parent_id, a.depth + 1 FROM above a JOIN teams t ON t.id = a.id WHERE a.depth < 64)
SELECT COUNT(*) FROM above WHERE id = $2

-- At the start: what was there before, or was written while the module did not run.
-- name: users_without_ref
SELECT id, email, name FROM users WHERE entity_ref IS NULL AND deleted_at IS NULL AND erased_at IS NULL
    AND vanished_at IS NULL ORDER BY id LIMIT $1

-- name: teams_without_ref
SELECT id, slug, org_id FROM teams WHERE entity_ref IS NULL AND deleted_at IS NULL ORDER BY id LIMIT $1

-- name: team_ref_set
UPDATE teams SET entity_ref = $2 WHERE id = $1

-- name: users_without_entity
SELECT u.id FROM users u WHERE u.source IS NULL AND u.entity_ref IS NOT NULL AND u.deleted_at IS NULL
    AND u.vanished_at IS NULL AND u.id > $1 AND NOT EXISTS (SELECT 1 FROM entities e WHERE e.ref = u.entity_ref)
ORDER BY u.id LIMIT $2

-- name: teams_without_entity
SELECT t.id FROM teams t WHERE t.source IS NULL AND t.entity_ref IS NOT NULL AND t.deleted_at IS NULL
    AND t.id > $1 AND NOT EXISTS (SELECT 1 FROM entities e WHERE e.ref = t.entity_ref)
ORDER BY t.id LIMIT $2

-- name: entities_unfollowed
SELECT e.ref, e.location, e.body, e.is_orphan FROM entities e
WHERE e.kind IN ('user', 'group') AND e.is_orphan = 0 AND e.ref > $1
    AND NOT EXISTS (SELECT 1 FROM users u WHERE u.entity_ref = e.ref AND u.deleted_at IS NULL
        AND (u.source IS NULL) = (e.location LIKE 'api:%'))
    AND NOT EXISTS (SELECT 1 FROM teams t WHERE t.entity_ref = e.ref AND t.deleted_at IS NULL
        AND (t.source IS NULL) = (e.location LIKE 'api:%'))
ORDER BY e.ref LIMIT $2

-- name: users_vanished
SELECT u.entity_ref FROM users u WHERE u.source IS NOT NULL AND u.deleted_at IS NULL AND u.status <> 'deactivated'
    AND NOT EXISTS (SELECT 1 FROM entities e WHERE e.ref = u.entity_ref AND e.is_orphan = 0) ORDER BY u.id LIMIT $1

-- Erasing.
-- name: erase_user
UPDATE users SET revision = revision + 1, updated_at = $2, updated_by = $3, name = $4, email = NULL, claimed_email = NULL,
    avatar_url = NULL, status = 'deactivated', vanished_at = NULL, entity_ref = NULL, source = NULL, erased_at = $2
WHERE id = $1

-- name: location_of
SELECT location FROM entities WHERE ref = $1 AND is_orphan = 0

-- name: erase_history
DELETE FROM entity_history WHERE ref = $1

-- Entities that were the same person, under other names.
-- name: erase_former
DELETE FROM entity_history WHERE ref >= 'user:' AND ref < 'user;'
    AND replace(lower(body), '"' || $1 || '"', '') <> lower(body)

-- name: erase_in_groups
UPDATE entity_history SET body = replace(body, '"' || $1 || '"', '"' || $2 || '"')
WHERE ref >= 'group:' AND ref < 'group;' AND replace(body, '"' || $1 || '"', '') <> body

-- name: erase_events
UPDATE events SET subject = $2, data = replace(data, '"' || $1 || '"', '"' || $2 || '"') WHERE subject = $1

-- name: erase_answers
DELETE FROM idempotency_keys WHERE actor = $1 OR target LIKE '%/api/users%' OR target LIKE '%/api/auth/%'

-- name: erase_failures
DELETE FROM sign_in_failures WHERE account = $1

-- name: erase_resets
DELETE FROM password_resets WHERE account = $1

-- Exporting.
-- name: export_audit
SELECT seq, id, at, action, resource_type, resource_id, key_id, session_id, address, request_id, after_state
FROM audit_logs WHERE actor_id = $1 ORDER BY id DESC LIMIT $2

-- name: export_about
SELECT seq, id, at, action, actor_kind, actor_id, before_state, after_state
FROM audit_logs WHERE resource_type = 'User' AND resource_id = $1 ORDER BY id DESC LIMIT $2
