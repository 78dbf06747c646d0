-- Signing in by other providers: sign-ins under way, who is whom there, and memberships that a provider says.
CREATE TABLE sign_in_states (
    id TEXT PRIMARY KEY,                -- SHA-256 of the state
    provider TEXT NOT NULL,             -- its id in the settings
    browser_hash TEXT NOT NULL,         -- SHA-256 of the cookie of the browser that began
    nonce TEXT NOT NULL,
    verifier TEXT NOT NULL,             -- of PKCE, sealed
    return_to TEXT NOT NULL,
    user_id TEXT REFERENCES users (id) ON DELETE CASCADE,   -- who wants to link; NULL: who wants to sign in
    expires_at BIGINT NOT NULL
);
CREATE INDEX sign_in_states_by_end ON sign_in_states (expires_at);

CREATE TABLE user_identities (
    id TEXT PRIMARY KEY,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    issuer TEXT NOT NULL,
    subject TEXT NOT NULL,
    provider TEXT NOT NULL,             -- its id in the settings, when it was last used
    label TEXT,                         -- what the account is called there, for people
    created_at BIGINT NOT NULL,
    last_used_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX user_identities_issuer_subject_key ON user_identities (issuer, subject);
CREATE INDEX user_identities_by_user ON user_identities (user_id, created_at);

-- The provider that says so; NULL: somebody here does.
ALTER TABLE team_memberships ADD COLUMN source TEXT;
