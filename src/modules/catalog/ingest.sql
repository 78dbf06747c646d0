-- name: documents
SELECT n, location, parent_ref, hash, etag FROM catalog_documents WHERE source_id = $1

-- By kind: SQLite, left to itself, walks all entities of the source.
-- name: locations
SELECT ref, document_id, body FROM entities WHERE +source_id = $1 AND kind = 'location'
-- for: pg
SELECT ref, document_id, body FROM entities WHERE source_id = $1 AND kind = 'location'

-- Is the source still what the walk set out to read? Holds off who would change it until the transaction ends.
-- name: source_is
SELECT count(*) FROM catalog_sources WHERE id = $1 AND type = $2 AND target = $3
-- for: pg
SELECT count(*) FROM (SELECT 1 FROM catalog_sources WHERE id = $1 AND type = $2 AND target = $3 FOR SHARE) AS source

-- name: put_document
INSERT INTO catalog_documents (source_id, location, parent_ref, hash, etag, read_at, error)
VALUES ($1, $2, $3, $4, $5, $6, NULL)
ON CONFLICT (source_id, location, parent_ref) DO UPDATE SET hash = excluded.hash, etag = excluded.etag,
    read_at = excluded.read_at, error = NULL
RETURNING n

-- name: mark_document
UPDATE catalog_documents SET hash = $2, etag = $3, read_at = $4 WHERE n = $1

-- name: forget_document
DELETE FROM catalog_documents WHERE n = $1

-- name: entities_of_documents
SELECT ref, document_id FROM entities WHERE source_id = $1 AND document_id IN (SELECT value FROM json_each($2))
-- for: pg
SELECT ref, document_id FROM entities
WHERE source_id = $1 AND document_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)::bigint))

-- name: root_entity
SELECT input_hash FROM entities WHERE ref = $1 AND source_id = $2

-- name: mark_orphans
UPDATE entities SET is_orphan = 1 WHERE is_orphan = 0 AND ref IN (SELECT value FROM json_each($1))
-- for: pg
UPDATE entities SET is_orphan = 1 WHERE is_orphan = 0 AND ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: forget_parents
DELETE FROM entity_parents WHERE source_id = $1 AND child_ref IN (SELECT value FROM json_each($2))
-- for: pg
DELETE FROM entity_parents WHERE source_id = $1 AND child_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))

-- Documents whose claim of an entity lost to another: they get their turn when that one lets go.
-- name: wake_losers
UPDATE catalog_documents SET hash = '', etag = NULL WHERE n IN (
    SELECT document_id FROM catalog_problems WHERE name = 'ConflictError' AND document_id IS NOT NULL
    AND entity_ref IN (SELECT value FROM json_each($1)))
-- for: pg
UPDATE catalog_documents SET hash = '', etag = NULL WHERE n IN (
    SELECT document_id FROM catalog_problems WHERE name = 'ConflictError' AND document_id IS NOT NULL
    AND entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb)))

-- name: wake_sources
UPDATE catalog_sources SET next_read_at = $2 WHERE id IN (
    SELECT source_id FROM catalog_problems WHERE name = 'ConflictError'
    AND entity_ref IN (SELECT value FROM json_each($1)))
-- for: pg
UPDATE catalog_sources SET next_read_at = $2 WHERE id IN (
    SELECT source_id FROM catalog_problems WHERE name = 'ConflictError'
    AND entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb)))

-- name: forget_problems
DELETE FROM catalog_problems WHERE source_id = $1
    AND (document_id IS NULL OR document_id IN (SELECT value FROM json_each($2)))
-- for: pg
DELETE FROM catalog_problems WHERE source_id = $1
    AND (document_id IS NULL OR document_id IN (SELECT jsonb_array_elements_text($2::jsonb)::bigint))

-- name: add_problem
INSERT INTO catalog_problems (source_id, document_id, location, entity_ref, line, column_, name, message, found_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)

-- name: refuse_entity
UPDATE entities SET errors = $2 WHERE ref = $1 AND source_id = $3

-- What a Location cannot read shows on itself; answers how many did not show it yet.
-- name: show_on_location
UPDATE entities SET errors = $2 WHERE ref = $1 AND source_id = $3 AND errors IS NOT $2
-- for: pg
UPDATE entities SET errors = $2 WHERE ref = $1 AND source_id = $3 AND errors IS DISTINCT FROM $2

-- Locations whose targets can be read again. What was wrong with themselves stands beside them as a problem.
-- name: clear_locations
UPDATE entities SET errors = NULL WHERE source_id = $1 AND kind = 'location' AND errors IS NOT NULL
    AND ref NOT IN (SELECT value FROM json_each($2))
    AND ref NOT IN (SELECT entity_ref FROM catalog_problems
        WHERE source_id = $1 AND entity_ref IS NOT NULL AND name <> 'ConflictError')
-- for: pg
UPDATE entities SET errors = NULL WHERE source_id = $1 AND kind = 'location' AND errors IS NOT NULL
    AND ref NOT IN (SELECT jsonb_array_elements_text($2::jsonb))
    AND ref NOT IN (SELECT entity_ref FROM catalog_problems
        WHERE source_id = $1 AND entity_ref IS NOT NULL AND name <> 'ConflictError')

-- name: clear_errors
UPDATE entities SET errors = NULL WHERE errors IS NOT NULL AND source_id = $1
    AND document_id IN (SELECT value FROM json_each($2))
-- for: pg
UPDATE entities SET errors = NULL WHERE errors IS NOT NULL AND source_id = $1
    AND document_id = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)::bigint))

-- name: count_problems
SELECT count(*) FROM catalog_problems WHERE source_id = $1

-- name: source_read
UPDATE catalog_sources SET state = $2, error = $3, read_at = $4, next_read_at = $5, changed_at = COALESCE($6, changed_at)
WHERE id = $1

-- name: is_unstitched
SELECT count(*) FROM (SELECT 1 FROM entity_unstitched LIMIT 1) AS any_ref
