-- Second factors: one-time codes of an app, passkeys, recovery codes; and sign-ins that wait for one of them.

CREATE TABLE user_totp (
    id TEXT PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE, -- of the user
    secret TEXT NOT NULL,               -- sealed
    created_at BIGINT NOT NULL,
    confirmed_at BIGINT,                -- NULL: the first code has not been shown yet
    last_step BIGINT NOT NULL           -- of the newest code that was used; older ones are void
);

CREATE TABLE passkeys (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    credential_id TEXT NOT NULL,        -- base64url
    public_key TEXT NOT NULL,           -- base64url of the COSE key
    sign_count BIGINT NOT NULL,
    aaguid TEXT NOT NULL,               -- the model of the authenticator, as a UUID; zeros when it does not tell
    transports TEXT NOT NULL,           -- JSON array
    is_synced BIGINT NOT NULL,          -- 1: backed up, may be on several devices
    created_at BIGINT NOT NULL,
    last_used_at BIGINT
);
CREATE UNIQUE INDEX passkeys_credential_id_key ON passkeys (credential_id);
CREATE INDEX passkeys_by_user ON passkeys (user_id, created_at);

CREATE TABLE recovery_codes (
    code_hash TEXT PRIMARY KEY,         -- SHA-256; a code has 120 bits
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX recovery_codes_by_user ON recovery_codes (user_id);

CREATE TABLE sign_in_challenges (
    token_hash TEXT PRIMARY KEY,        -- SHA-256 of the token; of passkey_challenge where no token was given
    purpose TEXT NOT NULL,              -- second_factor, passkey_sign_in, passkey_add
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE, -- NULL: whoever has the passkey
    passkey_challenge TEXT NOT NULL,    -- base64url; what a passkey has to sign
    attempts BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX sign_in_challenges_by_user ON sign_in_challenges (user_id);
CREATE INDEX sign_in_challenges_by_end ON sign_in_challenges (expires_at);

-- When its owner last showed who they are; 0: before this was written down.
ALTER TABLE user_sessions ADD COLUMN authenticated_at BIGINT NOT NULL DEFAULT 0;
-- 1: only to set up the second factor that is required.
ALTER TABLE user_sessions ADD COLUMN is_limited BIGINT NOT NULL DEFAULT 0;
