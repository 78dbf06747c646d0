-- What happened (the transactional outbox) and what is to be done (jobs).

-- seq says when a row was written, which is not the order in which transactions become visible. So a
-- committed row gets its position afterwards, from one placer at a time: readers see no gap that fills later.
CREATE TABLE events (
    seq BIGSERIAL PRIMARY KEY,
    position BIGINT,
    id TEXT NOT NULL,                   -- UUIDv7
    type TEXT NOT NULL,                 -- "services.updated"
    source TEXT NOT NULL,
    subject TEXT NOT NULL,
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    data TEXT NOT NULL                  -- JSON
);
CREATE UNIQUE INDEX events_by_position ON events (position) WHERE position IS NOT NULL;
CREATE INDEX events_unplaced ON events (seq) WHERE position IS NULL;

-- One row: the newest position, and up to which one events have been removed by age.
CREATE TABLE event_stream (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    position BIGINT NOT NULL,
    pruned BIGINT NOT NULL
);
INSERT INTO event_stream (id, position, pruned) VALUES (1, 0, 0);

-- How far each durable reader has come, and which process reads for it.
CREATE TABLE event_subscriptions (
    name TEXT COLLATE "C" PRIMARY KEY,
    position BIGINT NOT NULL,
    lease_owner TEXT,
    lease_until BIGINT NOT NULL DEFAULT 0,
    failures BIGINT NOT NULL DEFAULT 0, -- in a row, of the event after position
    error TEXT,
    updated_at BIGINT NOT NULL
);

CREATE TABLE jobs (
    id TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    type TEXT COLLATE "C" NOT NULL,
    state TEXT COLLATE "C" NOT NULL,                -- queued running succeeded failed dead cancelled
    priority BIGINT NOT NULL,
    payload TEXT NOT NULL,              -- JSON object
    key TEXT,                           -- at most one waiting job per key
    run_at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    progress BIGINT,                    -- percent
    progress_text TEXT,
    error TEXT,                         -- of the last attempt
    started_at BIGINT,                  -- of the last attempt
    finished_at BIGINT,
    schedule TEXT,                      -- the schedule it was queued by
    due_at BIGINT,                      -- and for which due time
    lease_owner TEXT,
    lease_until BIGINT,
    cancel_requested BIGINT NOT NULL DEFAULT 0,
    log_lines BIGINT NOT NULL DEFAULT 0,
    keep_until BIGINT                   -- once finished
);
CREATE INDEX jobs_waiting ON jobs (priority DESC, run_at, id) WHERE state IN ('queued', 'failed');
CREATE INDEX jobs_waiting_since ON jobs (run_at) WHERE state IN ('queued', 'failed');
CREATE INDEX jobs_running ON jobs (lease_until) WHERE state = 'running';
CREATE UNIQUE INDEX jobs_by_key ON jobs (key) WHERE state IN ('queued', 'failed');
CREATE UNIQUE INDEX jobs_by_due ON jobs (schedule, due_at) WHERE schedule IS NOT NULL;
CREATE INDEX jobs_by_age ON jobs (created_at, id);
CREATE INDEX jobs_by_type ON jobs (type, created_at, id);
CREATE INDEX jobs_by_state ON jobs (state, created_at, id);
CREATE INDEX jobs_kept ON jobs (keep_until) WHERE keep_until IS NOT NULL;

CREATE TABLE job_logs (
    job_id TEXT COLLATE "C" NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    line BIGINT NOT NULL,               -- from 1
    at BIGINT NOT NULL,
    attempt BIGINT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (job_id, line)
);

CREATE TABLE job_schedules (
    id TEXT COLLATE "C" PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    type TEXT NOT NULL,
    cron TEXT,
    every_us BIGINT,
    every_seconds DOUBLE PRECISION,     -- the same, as shown
    next_at BIGINT NOT NULL,
    last_at BIGINT
);
