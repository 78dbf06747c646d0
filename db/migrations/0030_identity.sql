-- Who calls: people, their passwords and sessions, service accounts, API keys, keys that sign tokens.

CREATE TABLE users (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    deleted_at BIGINT,
    deleted_by TEXT,
    email TEXT NOT NULL,                -- in lower case
    name TEXT NOT NULL,
    avatar_url TEXT,
    status TEXT NOT NULL                -- active, deactivated, invited
);
-- An address is free again once its owner is deleted.
CREATE UNIQUE INDEX users_email_key ON users (email) WHERE deleted_at IS NULL;
CREATE INDEX users_by_name ON users (name, id);

CREATE TABLE user_passwords (
    user_id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash TEXT NOT NULL,                 -- PHC string of argon2id
    changed_at BIGINT NOT NULL
);

-- Of accounts that exist and of those that do not. account is a hash of the address: nobody's data is kept here.
CREATE TABLE sign_in_failures (
    account TEXT PRIMARY KEY,
    failures BIGINT NOT NULL,
    last_at BIGINT NOT NULL,
    locked_until BIGINT NOT NULL
);
CREATE INDEX sign_in_failures_by_age ON sign_in_failures (last_at);

CREATE TABLE user_sessions (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    kind TEXT NOT NULL,                 -- token, cookie
    token_hash TEXT,                    -- SHA-256 of the cookie
    address TEXT,
    user_agent TEXT,
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL,
    idle_expires_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    revoked_at BIGINT,
    revoked_reason TEXT
);
CREATE UNIQUE INDEX user_sessions_token_hash_key ON user_sessions (token_hash);
CREATE INDEX user_sessions_by_user ON user_sessions (user_id, created_at);
CREATE INDEX user_sessions_by_end ON user_sessions (expires_at);

-- A session's refresh tokens, used ones too: one that comes again tells that somebody else has it.
CREATE TABLE refresh_tokens (
    token_hash TEXT PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES user_sessions (id) ON DELETE CASCADE,
    parent_hash TEXT,
    issued_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
CREATE INDEX refresh_tokens_by_end ON refresh_tokens (expires_at);

CREATE TABLE one_time_tokens (
    token_hash TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    purpose TEXT NOT NULL,              -- bootstrap, invite, reset
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX one_time_tokens_by_user ON one_time_tokens (user_id);

CREATE TABLE signing_keys (
    id TEXT PRIMARY KEY,                -- RFC 7638 thumbprint
    algorithm TEXT NOT NULL,            -- EdDSA
    private_key TEXT NOT NULL,          -- sealed
    created_at BIGINT NOT NULL,
    active_from BIGINT NOT NULL         -- signs from then on; published before
);

CREATE TABLE service_accounts (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    deleted_at BIGINT,
    deleted_by TEXT,
    name TEXT NOT NULL,
    description TEXT,
    status TEXT NOT NULL                -- active, disabled
);
CREATE UNIQUE INDEX service_accounts_name_key ON service_accounts (name) WHERE deleted_at IS NULL;

CREATE TABLE api_keys (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    name TEXT NOT NULL,
    user_id TEXT REFERENCES users (id),
    service_account_id TEXT REFERENCES service_accounts (id),
    prefix TEXT NOT NULL,               -- of the key, to tell it from others
    scopes TEXT NOT NULL,               -- JSON array of patterns
    expires_at BIGINT NOT NULL,
    last_used_at BIGINT,                -- at most a minute old
    previous_until BIGINT,              -- until then the key before works too
    key_hash TEXT,                      -- SHA-256
    previous_hash TEXT
);
CREATE UNIQUE INDEX api_keys_key_hash_key ON api_keys (key_hash);
CREATE UNIQUE INDEX api_keys_previous_hash_key ON api_keys (previous_hash);
CREATE INDEX api_keys_by_user ON api_keys (user_id);
CREATE INDEX api_keys_by_service_account ON api_keys (service_account_id);
CREATE INDEX api_keys_by_name ON api_keys (name, id);
