-- Statements of catalog_apply. Lists come as one JSON array, so that a batch of any size is one statement.

-- name: lock
UPDATE catalog_state SET version = version + 1, next_n = next_n + $1 WHERE id = 1 RETURNING next_n

-- name: turn
SELECT next_n FROM catalog_state WHERE id = 1
-- for: pg
SELECT next_n FROM catalog_state WHERE id = 1 FOR UPDATE

-- name: version
SELECT version FROM catalog_state WHERE id = 1

-- name: existing
SELECT ref, n, id, revision, input_hash, location, is_orphan, created_at FROM entities
WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT ref, n, id, revision, input_hash, location, is_orphan, created_at FROM entities
WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: bodies
SELECT ref, n, body, name, title, description FROM entities WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT ref, n, body, name, title, description FROM entities WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: keep_history
INSERT INTO entity_history (entity_id, revision, ref, body, valid_from, valid_to, changed_by, is_deletion)
SELECT id, revision, ref, body, updated_at, $2, $3, $4 FROM entities WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
INSERT INTO entity_history (entity_id, revision, ref, body, valid_from, valid_to, changed_by, is_deletion)
SELECT id, revision, ref, body, updated_at, $2, $3, $4 FROM entities
WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: insert_entity
INSERT INTO entities (n, id, ref, kind, namespace, name, title, description, type, lifecycle, owner_ref, system_ref,
    repository_url, body, etag, input_hash, source_id, document_id, location, created_at, updated_at, created_by,
    updated_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23)

-- name: update_entity
UPDATE entities SET title = $2, description = $3, type = $4, lifecycle = $5, owner_ref = $6, system_ref = $7,
    repository_url = $8, body = $9, etag = $10, input_hash = $11, source_id = $12, document_id = $13, location = $14,
    updated_at = $15, updated_by = $16, is_orphan = $17, revision = revision + 1, errors = NULL
WHERE n = $1

-- name: numbers
SELECT ref, n FROM entities WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT ref, n FROM entities WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: insert_tail
INSERT INTO entity_tails (n, tail) VALUES ($1, $2)

-- name: delete_tails
DELETE FROM entity_tails WHERE n IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM entity_tails WHERE n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))

-- name: delete_tails_of
DELETE FROM entity_tails WHERE n IN (SELECT n FROM entities WHERE ref IN (SELECT value FROM json_each($1)))
-- for: pg
DELETE FROM entity_tails
WHERE n IN (SELECT n FROM entities WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb))))

-- name: mark_unstitched
INSERT INTO entity_unstitched (ref) VALUES ($1) ON CONFLICT DO NOTHING

-- Who stitches at the same time gets others.
-- name: unstitched
SELECT ref FROM entity_unstitched ORDER BY ref LIMIT $1
-- for: pg
SELECT ref FROM entity_unstitched ORDER BY ref LIMIT $1 FOR UPDATE SKIP LOCKED

-- name: forget_unstitched
DELETE FROM entity_unstitched WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM entity_unstitched WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: delete_entities
DELETE FROM entities WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM entities WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: keys
SELECT key, id FROM entity_keys WHERE key IN (SELECT value FROM json_each($1))
-- for: pg
SELECT key, id FROM entity_keys WHERE key = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: add_keys
INSERT INTO entity_keys (key) SELECT value FROM json_each($1) WHERE true ON CONFLICT (key) DO NOTHING
-- for: pg
INSERT INTO entity_keys (key) SELECT jsonb_array_elements_text($1::jsonb) ON CONFLICT (key) DO NOTHING

-- Of a new entity: nothing can be there yet.
-- name: insert_field
INSERT INTO entity_fields (key_id, value, n, original) VALUES ($1, $2, $3, $4)

-- name: put_field
INSERT INTO entity_fields (key_id, value, n, original) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING

-- name: delete_field
DELETE FROM entity_fields WHERE key_id = $1 AND value = $2 AND n = $3

-- name: relations_of
SELECT origin, source_ref, type, target_ref FROM entity_relations WHERE origin IN (SELECT value FROM json_each($1))
-- for: pg
SELECT origin, source_ref, type, target_ref FROM entity_relations
WHERE origin = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))

-- name: delete_relation
DELETE FROM entity_relations WHERE origin = $1 AND source_ref = $2 AND type = $3 AND target_ref = $4

-- name: insert_relation
INSERT INTO entity_relations (origin, source_ref, type, target_ref) VALUES ($1, $2, $3, $4)

-- name: stitch_out
SELECT source_ref, type, target_ref FROM entity_relations
WHERE source_ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT source_ref, type, target_ref FROM entity_relations
WHERE source_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: stitch_in
SELECT target_ref, type, source_ref FROM entity_relations
WHERE target_ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT target_ref, type, source_ref FROM entity_relations
WHERE target_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: insert_parent
INSERT INTO entity_parents (child_ref, parent_ref, source_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING

-- name: delete_parents
DELETE FROM entity_parents WHERE child_ref IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM entity_parents WHERE child_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
