-- What every module stands on: who did what, and answers that are kept for repeated requests.

-- fw_lower: the same mapping as on SQLite (simple case mapping of C.UTF-8). A server without that locale gets
-- ICU's root collation, which differs in a handful of letters only.
DO $$
DECLARE
    name TEXT;
BEGIN
    SELECT quote_ident(collname) INTO name FROM pg_collation
        WHERE collname IN ('C.utf8', 'C.UTF-8', 'und-x-icu')
            AND collencoding IN (-1, pg_char_to_encoding('UTF8'))
        ORDER BY collname = 'und-x-icu', collname LIMIT 1;
    EXECUTE 'CREATE OR REPLACE FUNCTION fw_lower(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE '
        || 'AS ''SELECT lower($1' || COALESCE(' COLLATE ' || name, '') || ')''';
END
$$;

-- Append-only. id is a UUIDv7: its order is the order of the rows.
CREATE TABLE audit_logs (
    id TEXT COLLATE "C" PRIMARY KEY,
    at BIGINT NOT NULL,
    actor_kind TEXT NOT NULL,           -- anonymous, user, service, system
    actor_id TEXT,
    actor_name TEXT,
    address TEXT,
    request_id TEXT,
    action TEXT NOT NULL,               -- "services.updated"
    resource_type TEXT COLLATE "C" NOT NULL,
    resource_id TEXT COLLATE "C" NOT NULL,
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
    status BIGINT,
    headers TEXT,                       -- JSON object
    body TEXT,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (actor, target, key)
);
CREATE INDEX idempotency_keys_by_age ON idempotency_keys (created_at);
