-- Services: the view of entities, what hangs on them, the graph.

-- Writers of the catalog take this row first of all. A change of a service would else hold the entity and wait for it, while
-- an ingest holds it and waits for the entity.
-- name: lock_catalog
SELECT version FROM catalog_state WHERE id = 1
-- for: pg
SELECT version FROM catalog_state WHERE id = 1 FOR UPDATE

-- name: entity
SELECT body || '}', location, ref FROM entities WHERE id = $1 AND kind = 'component'

-- name: id_by_ref
SELECT id FROM entities WHERE ref = $1

-- name: team_ref
SELECT entity_ref FROM teams WHERE id = $1 AND entity_ref IS NOT NULL

-- name: ref_by_id
SELECT ref FROM entities WHERE id = $1 AND kind = 'component'

-- name: present
SELECT e.id, json_extract(e.body || '}', '$.metadata.name'), h.runs, h.ok
FROM entities e LEFT JOIN (
    SELECT c.service_id, CAST(SUM(r.runs) AS BIGINT) AS runs, CAST(SUM(r.ok) AS BIGINT) AS ok
    FROM health_checks c JOIN health_rollups r ON r.check_id = c.id AND r.hour >= $2
    WHERE c.service_id IN (SELECT value FROM json_each($1)) GROUP BY c.service_id) h ON h.service_id = e.id
WHERE e.id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT e.id, (e.body || '}')::json #>> '{metadata,name}', h.runs, h.ok
FROM entities e LEFT JOIN (
    SELECT c.service_id, CAST(SUM(r.runs) AS BIGINT) AS runs, CAST(SUM(r.ok) AS BIGINT) AS ok
    FROM health_checks c JOIN health_rollups r ON r.check_id = c.id AND r.hour >= $2
    WHERE c.service_id IN (SELECT jsonb_array_elements_text($1::jsonb)) GROUP BY c.service_id) h ON h.service_id = e.id
WHERE e.id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- Whoever changes a service's versions, and whoever checks a constraint against them, take turns.
-- name: lock_target
SELECT 1 WHERE $1 <> ''
-- for: pg
SELECT 1 FROM pg_advisory_xact_lock(hashtext('service versions ' || $1))

-- name: current_version
SELECT COALESCE(
    (SELECT v.version FROM service_deployments d JOIN service_versions v ON v.id = d.version_id
        WHERE d.service_id = $1 AND d.environment = 'production' AND d.status = 'succeeded'
        ORDER BY d.deployed_at DESC, d.id DESC LIMIT 1),
    (SELECT version FROM service_versions WHERE service_id = $1
        ORDER BY precedence LIKE '%~' DESC, precedence DESC LIMIT 1), '')

-- name: dependents
SELECT id, version_constraint, status, checked_version FROM service_dependencies
WHERE depends_on_service_id = $1 AND version_constraint IS NOT NULL ORDER BY id LIMIT $2

-- name: deployments_of_version
SELECT COUNT(*) FROM service_deployments WHERE version_id = $1

-- name: service_of_version
SELECT service_id FROM service_versions WHERE id = $1

-- The relations by which one entity needs another. An API needs who provides it: that is read backwards.
-- name: needs_by_relation
SELECT source_ref, target_ref, type FROM entity_relations
WHERE type IN ('dependsOn', 'consumesApi') AND source_ref IN (SELECT value FROM json_each($1))
UNION
SELECT target_ref, source_ref, 'apiProvidedBy' FROM entity_relations
WHERE type = 'providesApi' AND target_ref IN (SELECT value FROM json_each($1))
ORDER BY 1, 2, 3 LIMIT $2
-- for: pg
SELECT source_ref, target_ref, type FROM entity_relations
WHERE type IN ('dependsOn', 'consumesApi') AND source_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
UNION
SELECT target_ref, source_ref, 'apiProvidedBy' FROM entity_relations
WHERE type = 'providesApi' AND target_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
ORDER BY 1, 2, 3 LIMIT $2

-- name: needed_by_relation
SELECT source_ref, target_ref, type FROM entity_relations
WHERE type IN ('dependsOn', 'consumesApi') AND target_ref IN (SELECT value FROM json_each($1))
UNION
SELECT target_ref, source_ref, 'apiProvidedBy' FROM entity_relations
WHERE type = 'providesApi' AND source_ref IN (SELECT value FROM json_each($1))
ORDER BY 2, 1, 3 LIMIT $2
-- for: pg
SELECT source_ref, target_ref, type FROM entity_relations
WHERE type IN ('dependsOn', 'consumesApi') AND target_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
UNION
SELECT target_ref, source_ref, 'apiProvidedBy' FROM entity_relations
WHERE type = 'providesApi' AND source_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
ORDER BY 2, 1, 3 LIMIT $2

-- name: needs_by_record
SELECT f.ref, t.ref, d.type, d.version_constraint, d.status FROM service_dependencies d
JOIN entities f ON f.id = d.service_id JOIN entities t ON t.id = d.depends_on_service_id
WHERE f.ref IN (SELECT value FROM json_each($1)) ORDER BY 1, 2, 3 LIMIT $2
-- for: pg
SELECT f.ref, t.ref, d.type, d.version_constraint, d.status FROM service_dependencies d
JOIN entities f ON f.id = d.service_id JOIN entities t ON t.id = d.depends_on_service_id
WHERE f.ref IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY 1, 2, 3 LIMIT $2

-- name: needed_by_record
SELECT f.ref, t.ref, d.type, d.version_constraint, d.status FROM service_dependencies d
JOIN entities f ON f.id = d.service_id JOIN entities t ON t.id = d.depends_on_service_id
WHERE t.ref IN (SELECT value FROM json_each($1)) ORDER BY 2, 1, 3 LIMIT $2
-- for: pg
SELECT f.ref, t.ref, d.type, d.version_constraint, d.status FROM service_dependencies d
JOIN entities f ON f.id = d.service_id JOIN entities t ON t.id = d.depends_on_service_id
WHERE t.ref IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY 2, 1, 3 LIMIT $2

-- name: nodes
SELECT e.ref, e.id, COALESCE(e.title, json_extract(e.body || '}', '$.metadata.name')), e.kind, e.type, e.owner_ref,
    CASE WHEN e.kind = 'component' THEN COALESCE(h.status, 'unknown') END
FROM entities e LEFT JOIN service_health h ON h.service_id = e.id WHERE e.ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT e.ref, e.id, COALESCE(e.title, (e.body || '}')::json #>> '{metadata,name}'), e.kind, e.type, e.owner_ref,
    CASE WHEN e.kind = 'component' THEN COALESCE(h.status, 'unknown') END
FROM entities e LEFT JOIN service_health h ON h.service_id = e.id
WHERE e.ref IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: teams_by_ref
SELECT entity_ref, id FROM teams WHERE deleted_at IS NULL AND entity_ref IN (SELECT value FROM json_each($1))
-- for: pg
SELECT entity_ref, id FROM teams WHERE deleted_at IS NULL AND entity_ref IN (SELECT jsonb_array_elements_text($1::jsonb))
