-- Who may do what where: roles, their bindings, who is in which team, and the version of it all.
CREATE TABLE roles (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    name TEXT NOT NULL,
    description TEXT,
    permissions TEXT NOT NULL,          -- JSON array of patterns
    built_in BIGINT NOT NULL            -- 1: written anew at every start
);
CREATE UNIQUE INDEX roles_name_key ON roles (name);

CREATE TABLE role_bindings (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    subject_kind TEXT NOT NULL,       -- user team service_account api_key
    subject_id TEXT NOT NULL,
    role_id TEXT NOT NULL REFERENCES roles (id),
    scope_kind TEXT NOT NULL,         -- platform organization team service
    scope_id TEXT,                    -- NULL: the platform
    effect TEXT NOT NULL,             -- allow deny
    expires_at BIGINT,
    description TEXT
);
CREATE UNIQUE INDEX role_bindings_key
    ON role_bindings (subject_kind, subject_id, role_id, scope_kind, COALESCE(scope_id, ''), effect);
CREATE INDEX role_bindings_by_scope ON role_bindings (scope_kind, scope_id);
CREATE INDEX role_bindings_by_role ON role_bindings (role_id);
CREATE INDEX role_bindings_by_age ON role_bindings (created_at, id);

CREATE TABLE team_memberships (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    team_id TEXT NOT NULL REFERENCES teams (id),
    user_id TEXT NOT NULL,
    role TEXT NOT NULL,               -- lead member
    joined_at BIGINT NOT NULL
);
CREATE UNIQUE INDEX team_memberships_team_id_user_id_key ON team_memberships (team_id, user_id);
CREATE INDEX team_memberships_by_user ON team_memberships (user_id);
CREATE INDEX team_memberships_by_joining ON team_memberships (joined_at, id);

-- What most people may see: the teams of one organization, in the order of the list.
CREATE INDEX teams_by_organization ON teams (org_id, name, id);

-- Counts every change of what the three tables say; its row is also the lock that writers take first.
CREATE TABLE access_version (
    id BIGINT PRIMARY KEY,
    version BIGINT NOT NULL
);
INSERT INTO access_version (id, version) VALUES (1, 1);
