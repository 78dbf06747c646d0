-- Where services run: what deployments name, and a scope of role bindings.
CREATE TABLE environments (
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
    type TEXT NOT NULL,                 -- development staging production
    description TEXT
);
CREATE UNIQUE INDEX environments_org_id_name_key ON environments (org_id, name) WHERE deleted_at IS NULL;
CREATE INDEX environments_by_name ON environments (name, id);
