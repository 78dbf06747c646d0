-- The audit trail as a chain: each row says what the row before it was. See docs/adr/0010-audit-trail.md.

-- A row is written without a place and gets it soon after its commit (src/platform/audit/audit_chain.c). Columns
-- without a default are added without touching the rows that are there.
ALTER TABLE audit_logs ADD COLUMN key_id TEXT;       -- API key and session the actor came with
ALTER TABLE audit_logs ADD COLUMN session_id TEXT;
ALTER TABLE audit_logs ADD COLUMN seq BIGINT;        -- from 1, without gaps; NULL: not yet chained
ALTER TABLE audit_logs ADD COLUMN prev_hash TEXT;    -- hash of the row before; 64 zeros for the first
ALTER TABLE audit_logs ADD COLUMN hash TEXT;         -- SHA-256 of the row in canonical JSON and prev_hash
CREATE SEQUENCE audit_logs_written;
ALTER TABLE audit_logs ADD COLUMN written BIGINT;    -- the order of writing; NULL in rows older than it
ALTER TABLE audit_logs ALTER COLUMN written SET DEFAULT nextval('audit_logs_written');
ALTER SEQUENCE audit_logs_written OWNED BY audit_logs.written;
CREATE UNIQUE INDEX audit_logs_by_seq ON audit_logs (seq) WHERE seq IS NOT NULL;
CREATE INDEX audit_logs_unchained ON audit_logs (written NULLS FIRST, id) WHERE seq IS NULL;
CREATE INDEX audit_logs_by_action ON audit_logs (action COLLATE "C", id);
CREATE INDEX audit_logs_by_request ON audit_logs (request_id) WHERE request_id IS NOT NULL;

-- One row: the end of the chain and its newest checkpoint. Its lock is the lease of whoever chains.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL,
    checkpoint BIGINT NOT NULL,         -- number of the newest; 0: none
    checkpoint_seq BIGINT NOT NULL,     -- up to which row it reaches
    checkpoint_at BIGINT NOT NULL,
    checkpoint_digest TEXT NOT NULL     -- SHA-256 of its body; 64 zeros when there is none
);
INSERT INTO audit_head (id, seq, hash, checkpoint, checkpoint_seq, checkpoint_at, checkpoint_digest)
    VALUES (1, 0, repeat('0', 64), 0, 0, 0, repeat('0', 64));

-- What was signed, as the text that was signed.
CREATE TABLE audit_checkpoints (
    number BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,                 -- canonical JSON
    signature TEXT NOT NULL             -- Ed25519 of body, base64url
);

-- Ed25519 keys that sign checkpoints; the newest signs.
CREATE TABLE audit_keys (
    id TEXT COLLATE "C" PRIMARY KEY,
    created_at BIGINT NOT NULL,
    public_key TEXT NOT NULL,           -- base64url
    private_key TEXT NOT NULL           -- sealed
);

CREATE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'rows of % are never changed or removed', TG_TABLE_NAME USING ERRCODE = 'check_violation';
END
$$;
CREATE TRIGGER audit_logs_never_removed BEFORE DELETE ON audit_logs
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_logs_never_truncated BEFORE TRUNCATE ON audit_logs
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_logs_never_changed BEFORE UPDATE ON audit_logs
    FOR EACH ROW WHEN (OLD.seq IS NOT NULL OR NEW.seq IS NULL
        OR (NEW.id, NEW.at, NEW.actor_kind, NEW.actor_id, NEW.actor_name, NEW.key_id, NEW.session_id, NEW.address,
            NEW.request_id, NEW.action, NEW.resource_type, NEW.resource_id, NEW.before_state, NEW.after_state)
        IS DISTINCT FROM
           (OLD.id, OLD.at, OLD.actor_kind, OLD.actor_id, OLD.actor_name, OLD.key_id, OLD.session_id, OLD.address,
            OLD.request_id, OLD.action, OLD.resource_type, OLD.resource_id, OLD.before_state, OLD.after_state))
    EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_checkpoints_never_changed BEFORE UPDATE OR DELETE ON audit_checkpoints
    FOR EACH ROW EXECUTE FUNCTION audit_refuse();
CREATE TRIGGER audit_checkpoints_never_truncated BEFORE TRUNCATE ON audit_checkpoints
    FOR EACH STATEMENT EXECUTE FUNCTION audit_refuse();
