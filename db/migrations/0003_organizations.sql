-- Organizations and their teams.
CREATE TABLE organizations (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    deleted_at BIGINT,
    deleted_by TEXT,
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    settings TEXT                       -- JSON object
);
-- A slug is free again once its owner is deleted.
CREATE UNIQUE INDEX organizations_slug_key ON organizations (slug) WHERE deleted_at IS NULL;
CREATE INDEX organizations_by_name ON organizations (name, id);

CREATE TABLE teams (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    deleted_at BIGINT,
    deleted_by TEXT,
    org_id TEXT NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL,
    slug TEXT NOT NULL,
    description TEXT
);
CREATE UNIQUE INDEX teams_org_id_slug_key ON teams (org_id, slug) WHERE deleted_at IS NULL;
CREATE INDEX teams_by_name ON teams (name, id);

-- The one that everything belongs to until somebody makes another.
INSERT INTO organizations (id, revision, created_at, updated_at, name, slug)
VALUES ('00000000-0000-7000-8000-000000000001', 1, CAST(strftime('%s', 'now') AS INTEGER) * 1000000,
    CAST(strftime('%s', 'now') AS INTEGER) * 1000000, 'Default', 'default');
