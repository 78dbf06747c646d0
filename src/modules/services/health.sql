-- Health checks: where they stand, their results, sums per hour.

-- Kept from being deleted until the results are written. The order is that of a deletion: the check, then its state.
-- name: hold
SELECT id FROM health_checks WHERE id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT id FROM health_checks WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY id FOR KEY SHARE

-- A check that is switched off has no next run and no status.
-- name: put_state
INSERT INTO health_check_states (check_id, service_id, interval_us, timeout_us, next_run_at, status, failures, changed_at)
VALUES ($1, $2, $3, $4, $5, 'unknown', 0, $6)
ON CONFLICT (check_id) DO UPDATE SET interval_us = excluded.interval_us, timeout_us = excluded.timeout_us,
    next_run_at = excluded.next_run_at,
    status = CASE WHEN excluded.next_run_at IS NULL THEN 'unknown' ELSE health_check_states.status END,
    failures = CASE WHEN excluded.next_run_at IS NULL THEN 0 ELSE health_check_states.failures END,
    changed_at = CASE WHEN excluded.next_run_at IS NULL AND health_check_states.status <> 'unknown'
        THEN excluded.changed_at ELSE health_check_states.changed_at END

-- name: run_now
UPDATE health_check_states SET next_run_at = $2 WHERE check_id = $1 AND next_run_at IS NOT NULL

-- name: check_exists
SELECT COUNT(*) FROM health_checks WHERE id = $1 AND service_id = $2

-- name: next_due
SELECT MIN(next_run_at) FROM health_check_states WHERE next_run_at IS NOT NULL

-- The next run follows the interval's own beat; one that was missed for long begins a new one.
-- name: claim
UPDATE health_check_states SET claimed_by = $1, claimed_until = $2 + timeout_us + $3,
    next_run_at = CASE WHEN next_run_at + interval_us > $2 THEN next_run_at + interval_us ELSE $2 + interval_us END
WHERE check_id IN (
    SELECT check_id FROM health_check_states
    WHERE next_run_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2) ORDER BY next_run_at LIMIT $4)
RETURNING check_id
-- for: pg
UPDATE health_check_states SET claimed_by = $1, claimed_until = $2 + timeout_us + $3,
    next_run_at = CASE WHEN next_run_at + interval_us > $2 THEN next_run_at + interval_us ELSE $2 + interval_us END
WHERE check_id IN (
    SELECT check_id FROM health_check_states
    WHERE next_run_at <= $2 AND (claimed_until IS NULL OR claimed_until <= $2) ORDER BY next_run_at LIMIT $4
    FOR UPDATE SKIP LOCKED)
RETURNING check_id

-- name: definitions
SELECT id, service_id, endpoint, method, expected_status, timeout_seconds, headers IS NOT NULL FROM health_checks
WHERE id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT id, service_id, endpoint, method, expected_status, timeout_seconds, CASE WHEN headers IS NULL THEN 0 ELSE 1 END
FROM health_checks WHERE id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: finish
UPDATE health_check_states SET claimed_by = NULL, claimed_until = NULL,
    changed_at = CASE WHEN status = CASE WHEN next_run_at IS NULL THEN 'unknown' WHEN $3 = 1 THEN 'healthy'
        WHEN failures + 1 >= $8 THEN 'unhealthy' ELSE 'degraded' END THEN changed_at ELSE $4 END,
    status = CASE WHEN next_run_at IS NULL THEN 'unknown' WHEN $3 = 1 THEN 'healthy'
        WHEN failures + 1 >= $8 THEN 'unhealthy' ELSE 'degraded' END,
    failures = CASE WHEN $3 = 1 OR next_run_at IS NULL THEN 0 ELSE failures + 1 END,
    last_at = $4, last_ok = $3, last_status_code = $5, last_duration_us = $6, last_error = $7
WHERE check_id = $1 AND claimed_by = $2
-- for: pg
UPDATE health_check_states SET claimed_by = NULL, claimed_until = NULL,
    changed_at = CASE WHEN status = CASE WHEN next_run_at IS NULL THEN 'unknown' WHEN CAST($3 AS BIGINT) = 1 THEN 'healthy'
        WHEN failures + 1 >= CAST($8 AS BIGINT) THEN 'unhealthy' ELSE 'degraded' END
        THEN changed_at ELSE CAST($4 AS BIGINT) END,
    status = CASE WHEN next_run_at IS NULL THEN 'unknown' WHEN CAST($3 AS BIGINT) = 1 THEN 'healthy'
        WHEN failures + 1 >= CAST($8 AS BIGINT) THEN 'unhealthy' ELSE 'degraded' END,
    failures = CASE WHEN CAST($3 AS BIGINT) = 1 OR next_run_at IS NULL THEN 0 ELSE failures + 1 END,
    last_at = CAST($4 AS BIGINT), last_ok = CAST($3 AS BIGINT), last_status_code = $5, last_duration_us = $6, last_error = $7
WHERE check_id = $1 AND claimed_by = $2

-- name: add_result
INSERT INTO health_results (check_id, at, ok, status_code, duration_us, error) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT DO NOTHING

-- name: add_rollup
INSERT INTO health_rollups (check_id, hour, runs, ok, duration_us_sum, duration_us_max) VALUES ($1, $2, 1, $3, $4, $5)
ON CONFLICT (check_id, hour) DO UPDATE SET runs = health_rollups.runs + 1, ok = health_rollups.ok + excluded.ok,
    duration_us_sum = health_rollups.duration_us_sum + excluded.duration_us_sum,
    duration_us_max = CASE WHEN excluded.duration_us_max > health_rollups.duration_us_max
        THEN excluded.duration_us_max ELSE health_rollups.duration_us_max END

-- name: add_service
INSERT INTO service_health (service_id, status, changed_at) VALUES ($1, 'unknown', $2) ON CONFLICT DO NOTHING

-- name: services
SELECT h.service_id, h.status, e.ref FROM service_health h JOIN entities e ON e.id = h.service_id
WHERE h.service_id IN (SELECT value FROM json_each($1)) ORDER BY h.service_id
-- for: pg
SELECT h.service_id, h.status, e.ref FROM service_health h JOIN entities e ON e.id = h.service_id
WHERE h.service_id IN (SELECT jsonb_array_elements_text($1::jsonb)) ORDER BY h.service_id FOR UPDATE OF h

-- name: worst
SELECT service_id, MAX(CASE status WHEN 'unhealthy' THEN 3 WHEN 'degraded' THEN 2 WHEN 'healthy' THEN 1 ELSE 0 END)
FROM health_check_states
WHERE next_run_at IS NOT NULL AND service_id IN (SELECT value FROM json_each($1)) GROUP BY service_id
-- for: pg
SELECT service_id, MAX(CASE status WHEN 'unhealthy' THEN 3 WHEN 'degraded' THEN 2 WHEN 'healthy' THEN 1 ELSE 0 END)
FROM health_check_states
WHERE next_run_at IS NOT NULL AND service_id IN (SELECT jsonb_array_elements_text($1::jsonb)) GROUP BY service_id

-- name: set_service
UPDATE service_health SET status = $2, changed_at = $3 WHERE service_id = $1

-- name: of_service
SELECT status, changed_at FROM service_health WHERE service_id = $1

-- name: checks
SELECT c.id, c.name, c.method, c.endpoint, c.enabled, s.status, s.failures, s.changed_at, s.next_run_at,
    s.last_at, s.last_ok, s.last_status_code, s.last_duration_us, s.last_error
FROM health_checks c JOIN health_check_states s ON s.check_id = c.id WHERE c.service_id = $1 ORDER BY c.name, c.id LIMIT $2

-- name: states
SELECT check_id, status, last_at, last_ok, last_status_code, last_duration_us, last_error FROM health_check_states
WHERE check_id IN (SELECT value FROM json_each($1))
-- for: pg
SELECT check_id, status, last_at, last_ok, last_status_code, last_duration_us, last_error FROM health_check_states
WHERE check_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: uptime
SELECT CAST(SUM(CASE WHEN r.hour >= $2 THEN r.runs ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN r.hour >= $2 THEN r.ok ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN r.hour >= $3 THEN r.runs ELSE 0 END) AS BIGINT),
    CAST(SUM(CASE WHEN r.hour >= $3 THEN r.ok ELSE 0 END) AS BIGINT),
    CAST(SUM(r.runs) AS BIGINT), CAST(SUM(r.ok) AS BIGINT)
FROM health_checks c JOIN health_rollups r ON r.check_id = c.id AND r.hour >= $4 WHERE c.service_id = $1

-- name: history
SELECT (r.at - $2) / $4, COUNT(*), CAST(SUM(r.ok) AS BIGINT), CAST(SUM(r.duration_us) AS BIGINT), MAX(r.duration_us)
FROM health_checks c JOIN health_results r ON r.check_id = c.id AND r.at >= $2 AND r.at < $3
WHERE c.service_id = $1 GROUP BY 1 ORDER BY 1 LIMIT $5

-- name: history_hours
SELECT (r.hour - $2) / $4, CAST(SUM(r.runs) AS BIGINT), CAST(SUM(r.ok) AS BIGINT), CAST(SUM(r.duration_us_sum) AS BIGINT),
    MAX(r.duration_us_max)
FROM health_checks c JOIN health_rollups r ON r.check_id = c.id AND r.hour >= $2 AND r.hour < $3
WHERE c.service_id = $1 GROUP BY 1 ORDER BY 1 LIMIT $5

-- name: prune_next
SELECT check_id FROM health_check_states WHERE check_id > $1 ORDER BY check_id LIMIT $2

-- name: prune_results
DELETE FROM health_results WHERE at < $2 AND check_id IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM health_results WHERE at < $2 AND check_id IN (SELECT jsonb_array_elements_text($1::jsonb))

-- name: prune_rollups
DELETE FROM health_rollups WHERE hour < $2 AND check_id IN (SELECT value FROM json_each($1))
-- for: pg
DELETE FROM health_rollups WHERE hour < $2 AND check_id IN (SELECT jsonb_array_elements_text($1::jsonb))
