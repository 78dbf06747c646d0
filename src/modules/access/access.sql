-- name: version
SELECT version FROM access_version WHERE id = 1

-- name: touch
UPDATE access_version SET version = version + 1 WHERE id = 1

-- name: roles
SELECT id, name, permissions FROM roles

-- name: bindings_of
-- Those of the subject itself; of a person also those of the teams they are in. With their roles, so that both are of
-- one moment.
SELECT b.id, b.subject_kind, b.subject_id, b.role_id, b.scope_kind, COALESCE(b.scope_id, ''), b.effect,
    COALESCE(b.expires_at, 0), r.name, r.permissions
FROM role_bindings b JOIN roles r ON r.id = b.role_id
WHERE b.subject_kind = $1 AND b.subject_id = $2
UNION ALL
SELECT b.id, b.subject_kind, b.subject_id, b.role_id, b.scope_kind, COALESCE(b.scope_id, ''), b.effect,
    COALESCE(b.expires_at, 0), r.name, r.permissions
FROM team_memberships m
JOIN teams t ON t.id = m.team_id AND t.deleted_at IS NULL
JOIN role_bindings b ON b.subject_kind = 'team' AND b.subject_id = m.team_id
JOIN roles r ON r.id = b.role_id
WHERE $1 = 'user' AND m.user_id = $2
LIMIT $3

-- name: lasting_users
-- People with a lasting allow on the platform who may sign in, and the role that gives it.
SELECT b.subject_id, b.role_id FROM role_bindings b
JOIN users p ON p.id = b.subject_id AND p.status <> 'deactivated' AND p.deleted_at IS NULL
WHERE b.subject_kind = 'user' AND b.scope_kind = 'platform' AND b.effect = 'allow' AND b.expires_at IS NULL
UNION
SELECT m.user_id, b.role_id FROM role_bindings b
JOIN teams t ON t.id = b.subject_id AND t.deleted_at IS NULL
JOIN team_memberships m ON m.team_id = b.subject_id
JOIN users p ON p.id = m.user_id AND p.status <> 'deactivated' AND p.deleted_at IS NULL
WHERE b.subject_kind = 'team' AND b.scope_kind = 'platform' AND b.effect = 'allow' AND b.expires_at IS NULL

-- name: place_of_team
SELECT NULL, id, org_id, NULL FROM teams WHERE id = $1

-- name: place_of_group
SELECT NULL, id, org_id, NULL FROM teams WHERE entity_ref = $1 AND deleted_at IS NULL

-- name: place_of_service
SELECT s.id, s.owner_team_id, t.org_id, NULL FROM services s LEFT JOIN teams t ON t.id = s.owner_team_id WHERE s.id = $1

-- name: place_of_binding
SELECT s.id, COALESCE(t.id, s.owner_team_id),
    COALESCE(t.org_id, u.org_id, v.org_id, CASE WHEN b.scope_kind = 'organization' THEN b.scope_id END), v.id
FROM role_bindings b
LEFT JOIN services s ON b.scope_kind = 'service' AND s.id = b.scope_id
LEFT JOIN teams t ON b.scope_kind = 'team' AND t.id = b.scope_id
LEFT JOIN teams u ON u.id = s.owner_team_id
LEFT JOIN environments v ON b.scope_kind = 'environment' AND v.id = b.scope_id
WHERE b.id = $1

-- name: place_of_environment
SELECT NULL, NULL, org_id, id FROM environments WHERE id = $1

-- name: environment_named
SELECT id FROM environments WHERE org_id = $1 AND name = $2 AND deleted_at IS NULL

-- name: environments_of
SELECT id FROM environments WHERE org_id = $1 AND deleted_at IS NULL LIMIT 1000

-- name: owner_of_key
SELECT COALESCE(user_id, service_account_id), CASE WHEN user_id IS NULL THEN 'service_account' ELSE 'user' END
FROM api_keys WHERE id = $1

-- name: scope_exists
SELECT COUNT(*) FROM (SELECT id FROM organizations WHERE $1 = 'organization' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM teams WHERE $1 = 'team' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM environments WHERE $1 = 'environment' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM services WHERE $1 = 'service' AND id = $2) s

-- name: subject_exists
SELECT COUNT(*) FROM (SELECT id FROM users WHERE $1 = 'user' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM teams WHERE $1 = 'team' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM service_accounts WHERE $1 = 'service_account' AND id = $2 AND deleted_at IS NULL
    UNION ALL SELECT id FROM api_keys WHERE $1 = 'api_key' AND id = $2) s

-- name: built_in_get
SELECT name, COALESCE(description, ''), permissions, built_in FROM roles WHERE id = $1

-- name: built_in_put
INSERT INTO roles (id, revision, created_at, updated_at, name, description, permissions, built_in)
VALUES ($1, 1, $2, $2, $3, $4, $5, 1)
ON CONFLICT (id) DO UPDATE SET revision = roles.revision + 1, updated_at = excluded.updated_at, name = excluded.name,
    description = excluded.description, permissions = excluded.permissions, built_in = 1

-- name: admin_role
SELECT id FROM roles WHERE name = 'admin' AND built_in = 1

-- name: is_bound
SELECT COUNT(*) FROM role_bindings WHERE subject_kind = 'user' AND subject_id = $1 AND role_id = $2
    AND scope_kind = 'platform' AND effect = 'allow'

-- name: owners_in
-- Refs of the groups that are teams of these organizations, or of these ids.
SELECT t.entity_ref FROM teams t
WHERE t.deleted_at IS NULL
    AND (t.org_id IN (SELECT value FROM json_each($1)) OR t.id IN (SELECT value FROM json_each($2)))
ORDER BY 1
-- for: pg
SELECT t.entity_ref FROM teams t
WHERE t.deleted_at IS NULL
    AND (t.org_id IN (SELECT jsonb_array_elements_text(CAST($1 AS JSONB)))
        OR t.id IN (SELECT jsonb_array_elements_text(CAST($2 AS JSONB))))
ORDER BY 1
