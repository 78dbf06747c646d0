-- name: list
SELECT id, type, target, entity_ref FROM catalog_sources WHERE origin = 'api' ORDER BY created_at, id LIMIT 10000

-- name: problems
SELECT location, entity_ref, line, column_, name, message, found_at FROM catalog_problems WHERE source_id = $1
ORDER BY n LIMIT 1000

-- name: by_repository
SELECT id FROM catalog_sources WHERE origin <> 'manual' AND (target = $1 OR substr(target, 1, $2) = $3) LIMIT 1000
