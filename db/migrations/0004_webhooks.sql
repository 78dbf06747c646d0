-- Where events are sent, and what became of each delivery.

CREATE TABLE webhooks (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    name TEXT NOT NULL UNIQUE,
    description TEXT,
    url TEXT NOT NULL,
    types TEXT NOT NULL,                -- JSON array of globs
    enabled BIGINT NOT NULL,
    secret TEXT NOT NULL,               -- sealed
    previous_secret TEXT,               -- sealed as secret was; signs too until:
    previous_secret_until BIGINT,
    disabled_reason TEXT,               -- when it was not a person who disabled it
    failing_since BIGINT                -- first failure after the last success
);

CREATE TABLE webhook_deliveries (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    webhook_id TEXT NOT NULL REFERENCES webhooks (id),
    event_id TEXT NOT NULL,
    event_type TEXT NOT NULL,
    status TEXT NOT NULL,               -- pending succeeded failed dead
    attempts BIGINT NOT NULL,
    response_code BIGINT,
    duration_ms BIGINT,
    error TEXT,
    last_attempt_at BIGINT,
    next_attempt_at BIGINT,
    body TEXT NOT NULL                  -- what is sent
);
CREATE UNIQUE INDEX webhook_deliveries_by_event ON webhook_deliveries (webhook_id, event_id);
CREATE INDEX webhook_deliveries_by_webhook ON webhook_deliveries (webhook_id, created_at, id);
CREATE INDEX webhook_deliveries_by_age ON webhook_deliveries (created_at);
