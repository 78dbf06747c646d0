-- name: insert
INSERT INTO jobs (id, revision, created_at, updated_at, created_by, updated_by, type, state, priority, payload,
        key, run_at, attempt, schedule, due_at)
    VALUES ($1, 1, $2, $2, $3, $3, $4, 'queued', $5, $6, $7, $8, 0, $9, $10)
    ON CONFLICT DO NOTHING

-- name: waiting_by_key
SELECT id FROM jobs WHERE key = $1 AND state IN ('queued', 'failed')

-- SQLite is told which index to use: by its own estimate it reads all jobs of a state.
-- name: next_run_at
SELECT run_at FROM jobs INDEXED BY jobs_waiting_since
    WHERE state IN ('queued', 'failed') AND type IN (SELECT value FROM json_each($1)) ORDER BY run_at LIMIT 1
-- for: pg
SELECT run_at FROM jobs
    WHERE state IN ('queued', 'failed') AND type = ANY (ARRAY(SELECT json_array_elements_text($1::json)))
    ORDER BY run_at LIMIT 1

-- name: claim
UPDATE jobs SET state = 'running', revision = revision + 1, updated_at = $1, attempt = attempt + 1,
        started_at = $1, finished_at = NULL, keep_until = NULL, lease_owner = $2, lease_until = $3,
        progress = NULL, progress_text = NULL
    WHERE id = (
        SELECT id FROM jobs INDEXED BY jobs_waiting
            WHERE state IN ('queued', 'failed') AND run_at <= $1 AND type IN (SELECT value FROM json_each($4))
            ORDER BY priority DESC, run_at, id LIMIT 1)
    RETURNING id, type, payload, attempt, log_lines
-- for: pg
UPDATE jobs SET state = 'running', revision = revision + 1, updated_at = $1, attempt = attempt + 1,
        started_at = $1, finished_at = NULL, keep_until = NULL, lease_owner = $2, lease_until = $3,
        progress = NULL, progress_text = NULL
    WHERE id = (
        SELECT id FROM jobs
            WHERE state IN ('queued', 'failed') AND run_at <= $1
                AND type = ANY (ARRAY(SELECT json_array_elements_text($4::json)))
            ORDER BY priority DESC, run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, type, payload, attempt, log_lines

-- name: renew
UPDATE jobs SET lease_until = $2
    WHERE lease_owner = $1 AND state = 'running' AND id IN (SELECT value FROM json_each($3))
-- for: pg
UPDATE jobs SET lease_until = $2
    WHERE lease_owner = $1 AND state = 'running' AND id = ANY (ARRAY(SELECT json_array_elements_text($3::json)))

-- name: running
SELECT id, cancel_requested FROM jobs WHERE state = 'running' AND lease_owner = $1

-- name: finish
UPDATE jobs SET state = $4, revision = revision + 1, updated_at = $5, finished_at = $5, error = $6,
        keep_until = $7, lease_owner = NULL, lease_until = NULL, cancel_requested = 0
    WHERE id = $1 AND lease_owner = $2 AND attempt = $3 AND state = 'running'

-- A job that is to wait again gives way to a newer one that waits with the same key.
-- name: wait_again
UPDATE jobs SET
        state = CASE WHEN key IS NOT NULL AND EXISTS (SELECT 1 FROM jobs AS other
                    WHERE other.key = jobs.key AND other.state IN ('queued', 'failed'))
                THEN 'cancelled' ELSE $4 END,
        revision = revision + 1, updated_at = $5, finished_at = $5, error = $6, keep_until = $7, run_at = $8,
        attempt = attempt - $9, lease_owner = NULL, lease_until = NULL, cancel_requested = 0
    WHERE id = $1 AND lease_owner = $2 AND attempt = $3 AND state = 'running'

-- name: expired
SELECT id, lease_owner, attempt, type, cancel_requested FROM jobs
    WHERE state = 'running' AND lease_until < $1 ORDER BY lease_until LIMIT 100

-- name: owners
SELECT DISTINCT lease_owner FROM jobs WHERE state = 'running' AND lease_owner <> $1 LIMIT 100

-- name: end_leases
UPDATE jobs SET lease_until = 0 WHERE state = 'running' AND lease_owner = $1

-- name: next_lease_end
SELECT COALESCE(MIN(lease_until), -1) FROM jobs WHERE state = 'running'

-- name: progress
UPDATE jobs SET revision = revision + 1, updated_at = $4, progress = $5, progress_text = $6, log_lines = $7
    WHERE id = $1 AND lease_owner = $2 AND attempt = $3 AND state = 'running'

-- name: log_add
INSERT INTO job_logs (job_id, line, at, attempt, message) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING

-- name: log_read
SELECT line, at, attempt, message FROM job_logs WHERE job_id = $1 AND line > $2 ORDER BY line LIMIT $3

-- name: cancel_waiting
UPDATE jobs SET state = 'cancelled', revision = revision + 1, updated_at = $2, finished_at = $2, keep_until = $3,
        updated_by = $4
    WHERE id = $1 AND state IN ('queued', 'failed')

-- name: cancel_running
UPDATE jobs SET cancel_requested = 1, revision = revision + 1, updated_at = $2, updated_by = $3
    WHERE id = $1 AND state = 'running'

-- name: retry
UPDATE jobs SET state = 'queued', revision = revision + 1, updated_at = $2, updated_by = $3, run_at = $2,
        attempt = 0, finished_at = NULL, keep_until = NULL, cancel_requested = 0
    WHERE id = $1 AND state IN ('dead', 'failed', 'cancelled')

-- name: state
SELECT state FROM jobs WHERE id = $1

-- name: prune
DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs INDEXED BY jobs_kept
        WHERE keep_until < $1 AND state IN ('succeeded', 'dead', 'cancelled') ORDER BY keep_until LIMIT $2)
-- for: pg
DELETE FROM jobs WHERE id IN (
    SELECT id FROM jobs
        WHERE keep_until < $1 AND state IN ('succeeded', 'dead', 'cancelled') ORDER BY keep_until LIMIT $2)

-- name: schedule_read
SELECT type, COALESCE(cron, ''), COALESCE(every_us, 0), next_at FROM job_schedules WHERE name = $1

-- name: schedule_add
INSERT INTO job_schedules (id, revision, created_at, updated_at, name, type, cron, every_us, every_seconds, next_at)
    VALUES ($1, 1, $2, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (name) DO NOTHING

-- name: schedule_change
UPDATE job_schedules SET revision = revision + 1, updated_at = $2, type = $3, cron = $4, every_us = $5,
        every_seconds = $6, next_at = $7
    WHERE name = $1

-- name: schedule_advance
UPDATE job_schedules SET revision = revision + 1, updated_at = $4, last_at = $2, next_at = $3
    WHERE name = $1 AND next_at = $2
