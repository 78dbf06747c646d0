-- What every module stands on: who did what, and answers that are kept for repeated requests.

-- Append-only. id is a UUIDv7: its order is the order of the rows.
CREATE TABLE audit_logs (
    id TEXT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,           -- anonymous, user, service, system
    actor_id TEXT,
    actor_name TEXT,
    address TEXT,
    request_id TEXT,
    action TEXT NOT NULL,               -- "services.updated"
    resource_type TEXT NOT NULL,
    resource_id TEXT NOT NULL,
    before_state TEXT,                  -- JSON, secrets masked
    after_state TEXT
);
CREATE INDEX audit_logs_by_resource ON audit_logs (resource_type, resource_id, id);
CREATE INDEX audit_logs_by_actor ON audit_logs (actor_id, id);

-- One row per Idempotency-Key, written in the transaction of the request's own effect.
CREATE TABLE idempotency_keys (
    actor TEXT NOT NULL,
    target TEXT NOT NULL,               -- "POST /api/organizations"
    key TEXT NOT NULL,
    fingerprint TEXT NOT NULL,          -- SHA-256 of the canonical body
    status INTEGER,
    headers TEXT,                       -- JSON object
    body TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (actor, target, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
