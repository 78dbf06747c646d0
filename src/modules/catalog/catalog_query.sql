-- Reading entities, their past and their relations. What depends on filters is written by predicate_sql.c and query_scan.c.

-- name: version
SELECT version FROM catalog_state WHERE id = 1

-- name: touch
UPDATE catalog_state SET version = version + 1 WHERE id = 1

-- name: by_ref
SELECT e.n, e.ref, e.body, e.errors, t.tail
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.ref = $1

-- name: by_numbers
SELECT e.n, e.ref, e.body, e.errors, t.tail
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.n IN (SELECT value FROM json_each($1))
-- for: pg
SELECT e.n, e.ref, e.body, e.errors, t.tail
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.n = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)::bigint))

-- name: by_refs
SELECT e.n, e.ref, e.body, e.errors, t.tail
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT e.n, e.ref, e.body, e.errors, t.tail
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: by_uid
SELECT e.body, e.errors, t.tail, e.owner_ref
FROM entities e LEFT JOIN entity_tails t ON t.n = e.n WHERE e.id = $1

-- name: parents
SELECT p.parent_ref, e.body, e.errors, t.tail, e.owner_ref, e.id FROM entity_parents p JOIN entities e ON e.ref = p.parent_ref
    LEFT JOIN entity_tails t ON t.n = e.n
WHERE p.child_ref = $1 ORDER BY p.parent_ref LIMIT 1000

-- name: owner_of
SELECT owner_ref, id FROM entities WHERE ref = $1

-- name: revision_by_ref
SELECT id, revision FROM entities WHERE ref = $1

-- name: graph_out
SELECT DISTINCT source_ref, type, target_ref FROM entity_relations
WHERE source_ref IN (SELECT value FROM json_each($1)) AND type IN (SELECT value FROM json_each($2))
ORDER BY source_ref, type, target_ref LIMIT $3
-- for: pg
SELECT DISTINCT source_ref, type, target_ref FROM entity_relations
WHERE source_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
    AND type = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
ORDER BY source_ref, type, target_ref LIMIT $3

-- name: graph_in
SELECT DISTINCT source_ref, type, target_ref FROM entity_relations
WHERE target_ref IN (SELECT value FROM json_each($1)) AND type IN (SELECT value FROM json_each($2))
ORDER BY source_ref, type, target_ref LIMIT $3
-- for: pg
SELECT DISTINCT source_ref, type, target_ref FROM entity_relations
WHERE target_ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))
    AND type = ANY (ARRAY(SELECT jsonb_array_elements_text($2::jsonb)))
ORDER BY source_ref, type, target_ref LIMIT $3

-- name: history
SELECT entity_id, revision, valid_from, valid_to, changed_by, is_deletion FROM entity_history
WHERE ref = $1 AND (valid_to < $2 OR (valid_to = $2 AND revision < $3)) ORDER BY valid_to DESC, revision DESC LIMIT $4

-- name: current
SELECT id, revision, updated_at, updated_by FROM entities WHERE ref = $1

-- name: revision_of
SELECT entity_id, revision, valid_from, valid_to, changed_by, is_deletion, body FROM entity_history
WHERE ref = $1 AND (CAST($2 AS BIGINT) = 0 OR revision = $2) AND ($3 = '' OR entity_id = $3)
ORDER BY valid_to DESC, revision DESC LIMIT 1

-- name: current_body
SELECT id, revision, updated_at, updated_by, body FROM entities
WHERE ref = $1 AND (CAST($2 AS BIGINT) = 0 OR revision = $2) AND ($3 = '' OR id = $3)

-- name: state_at
SELECT entity_id, revision, valid_from, valid_to, changed_by, is_deletion, body FROM entity_history
WHERE ref = $1 AND valid_from <= $2 AND valid_to > $2 ORDER BY valid_to LIMIT 1

-- name: made_by
SELECT changed_by FROM entity_history WHERE entity_id = $1 AND revision = $2

-- What the search index has of entities (catalog_search.c).
-- name: documents_of
SELECT ref, id, title, kind, namespace, name, owner_ref, body FROM entities WHERE ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT ref, id, title, kind, namespace, name, owner_ref, body FROM entities
WHERE ref = ANY (ARRAY(SELECT jsonb_array_elements_text($1::jsonb)))

-- name: documents_after
SELECT ref, id, title, kind, namespace, name, owner_ref, body FROM entities WHERE ref > $1 ORDER BY ref LIMIT $2

-- name: sources_being_read
SELECT count(*) FROM (SELECT 1 FROM catalog_sources WHERE reading_until > $1 LIMIT 1) AS reading
