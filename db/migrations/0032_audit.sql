-- The audit trail as a chain: each row says what the row before it was. See docs/adr/0010-audit-trail.md.

-- A row gets its place as it is written; those that are there already get theirs from src/platform/audit/audit_chain.c.
ALTER TABLE audit_logs ADD COLUMN key_id TEXT;       -- API key and session the actor came with
ALTER TABLE audit_logs ADD COLUMN session_id TEXT;
ALTER TABLE audit_logs ADD COLUMN seq BIGINT;        -- from 1, without gaps; NULL: not yet chained
ALTER TABLE audit_logs ADD COLUMN prev_hash TEXT;    -- hash of the row before; 64 zeros for the first
ALTER TABLE audit_logs ADD COLUMN hash TEXT;         -- SHA-256 of the row in canonical JSON and prev_hash
CREATE UNIQUE INDEX audit_logs_by_seq ON audit_logs (seq) WHERE seq IS NOT NULL;
-- Its entries end in the rowid, which is the order of writing.
CREATE INDEX audit_logs_unchained ON audit_logs (seq) WHERE seq IS NULL;
CREATE INDEX audit_logs_by_action ON audit_logs (action, id);
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
    VALUES (1, 0, '0000000000000000000000000000000000000000000000000000000000000000', 0, 0, 0,
        '0000000000000000000000000000000000000000000000000000000000000000');

-- What was signed, as the text that was signed.
CREATE TABLE audit_checkpoints (
    number BIGINT PRIMARY KEY,
    seq BIGINT NOT NULL,
    body TEXT NOT NULL,                 -- canonical JSON
    signature TEXT NOT NULL             -- Ed25519 of body, base64url
);

-- Ed25519 keys that sign checkpoints; the newest signs.
CREATE TABLE audit_keys (
    id TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL,
    public_key TEXT NOT NULL,           -- base64url
    private_key TEXT NOT NULL           -- sealed
);

CREATE TRIGGER audit_logs_never_removed BEFORE DELETE ON audit_logs
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never removed');
END;
CREATE TRIGGER audit_logs_never_changed BEFORE UPDATE ON audit_logs
WHEN OLD.seq IS NOT NULL OR NEW.seq IS NULL OR NEW.id IS NOT OLD.id OR NEW.at IS NOT OLD.at
    OR NEW.actor_kind IS NOT OLD.actor_kind OR NEW.actor_id IS NOT OLD.actor_id
    OR NEW.actor_name IS NOT OLD.actor_name OR NEW.key_id IS NOT OLD.key_id
    OR NEW.session_id IS NOT OLD.session_id OR NEW.address IS NOT OLD.address
    OR NEW.request_id IS NOT OLD.request_id OR NEW.action IS NOT OLD.action
    OR NEW.resource_type IS NOT OLD.resource_type OR NEW.resource_id IS NOT OLD.resource_id
    OR NEW.before_state IS NOT OLD.before_state OR NEW.after_state IS NOT OLD.after_state
BEGIN
    SELECT RAISE(ABORT, 'audit rows are never changed');
END;
CREATE TRIGGER audit_checkpoints_never_removed BEFORE DELETE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit checkpoints are never removed');
END;
CREATE TRIGGER audit_checkpoints_never_changed BEFORE UPDATE ON audit_checkpoints
BEGIN
    SELECT RAISE(ABORT, 'audit checkpoints are never changed');
END;
