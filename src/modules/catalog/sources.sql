-- name: find
SELECT id, origin, type, target, entity_ref, rules, state, error, read_at, next_read_at FROM catalog_sources WHERE id = $1

-- name: find_by_target
SELECT id, origin, type, target, entity_ref, rules, state, error, read_at, next_read_at FROM catalog_sources
WHERE origin = $1 AND type = $2 AND target = $3

-- name: of_origin
SELECT id, origin, type, target, entity_ref, rules, state, error, read_at, next_read_at FROM catalog_sources
WHERE origin = $1 ORDER BY created_at, id LIMIT 100000

-- name: all
SELECT id, origin, type, target, entity_ref, rules, state, error, read_at, next_read_at FROM catalog_sources
ORDER BY created_at, id LIMIT 100000

-- name: add
INSERT INTO catalog_sources (id, origin, type, target, entity_ref, rules, state, next_read_at, created_at, updated_at,
    created_by, updated_by)
VALUES ($1, $2, $3, $4, $5, $6, 'new', $9, $7, $7, $8, $8)

-- name: set_rules
UPDATE catalog_sources SET rules = $2, updated_at = $3, revision = revision + 1 WHERE id = $1

-- name: set_target
UPDATE catalog_sources SET type = $2, target = $3, state = 'new', updated_at = $4, updated_by = $5, revision = revision + 1
WHERE id = $1

-- name: due
SELECT id FROM catalog_sources WHERE next_read_at <= $1 AND origin <> 'manual' ORDER BY next_read_at LIMIT 1000

-- name: postpone
UPDATE catalog_sources SET next_read_at = $2 WHERE id = $1

-- One reader at a time, over all processes. The turn of one that crashed ends with the lease of its job: then no other
-- job ($5 is the asking one) of this source runs.
-- name: claim
UPDATE catalog_sources SET reading_until = $2
WHERE id = $1 AND (reading_until IS NULL OR reading_until < $3 OR NOT EXISTS (
    SELECT 1 FROM jobs WHERE state = 'running' AND key = $4 AND id <> $5 AND lease_until >= $3))

-- name: release
UPDATE catalog_sources SET reading_until = NULL WHERE id = $1

-- name: remove
DELETE FROM catalog_sources WHERE id = $1

-- name: remove_documents
DELETE FROM catalog_documents WHERE source_id = $1

-- name: remove_problems
DELETE FROM catalog_problems WHERE source_id = $1

-- name: remove_parents
DELETE FROM entity_parents WHERE source_id = $1

-- name: entity_refs
SELECT ref FROM entities WHERE source_id = $1 LIMIT 10000

-- The sources that an entity's ancestors hang on: itself or any Location above it.
-- name: ancestors
WITH RECURSIVE up(ref, depth) AS (
    SELECT CAST($1 AS TEXT), 0
    UNION
    SELECT p.parent_ref, up.depth + 1 FROM entity_parents p JOIN up ON p.child_ref = up.ref
    WHERE p.parent_ref <> '' AND up.depth < 32
)
SELECT DISTINCT p.source_id FROM entity_parents p JOIN up ON p.child_ref = up.ref LIMIT 1000
-- for: pg
WITH RECURSIVE up(ref, depth) AS (
    SELECT CAST($1 AS TEXT) COLLATE "C", 0
    UNION
    SELECT p.parent_ref, up.depth + 1 FROM entity_parents p JOIN up ON p.child_ref = up.ref
    WHERE p.parent_ref <> '' AND up.depth < 32
)
SELECT DISTINCT p.source_id FROM entity_parents p JOIN up ON p.child_ref = up.ref LIMIT 1000

-- name: source_of_entity
SELECT source_id, is_orphan FROM entities WHERE ref = $1

-- name: forget_hash
UPDATE catalog_documents SET hash = '', etag = NULL WHERE n = (SELECT document_id FROM entities WHERE id = $1)

-- name: entity_by_uid
SELECT ref, source_id, location, revision FROM entities WHERE id = $1

-- name: entity_by_ref
SELECT id, source_id, location, revision FROM entities WHERE ref = $1

-- name: kinds
SELECT name, title, description, api_versions, schema, relations, properties FROM catalog_kinds ORDER BY name LIMIT 1000

-- name: orphans_to_mark
SELECT body, source_id, document_id, location FROM entities WHERE is_orphan = 1 AND updated_at < $1 LIMIT 1000

-- name: sources_of_location
SELECT DISTINCT source_id FROM catalog_documents WHERE location = $1 LIMIT 1000
