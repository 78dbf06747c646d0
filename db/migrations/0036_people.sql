-- People: users and teams are entities of the catalog, too (docs/adr/0013-people.md).

-- Whoever comes from the catalog may have no address.
DROP INDEX users_email_key;
ALTER TABLE users ADD COLUMN email_or_none TEXT;
UPDATE users SET email_or_none = email;
ALTER TABLE users DROP COLUMN email;
ALTER TABLE users RENAME COLUMN email_or_none TO email;
CREATE UNIQUE INDEX users_email_key ON users (email) WHERE deleted_at IS NULL;

ALTER TABLE users ADD COLUMN entity_ref TEXT;      -- user:default/ada, lower case
ALTER TABLE users ADD COLUMN source TEXT;          -- location that the profile comes from; NULL: it was made here
ALTER TABLE users ADD COLUMN claimed_email TEXT;   -- what the entity says; email lacks it while another has it
ALTER TABLE users ADD COLUMN vanished_at BIGINT;   -- the entity went, and that alone deactivated the person
ALTER TABLE users ADD COLUMN erased_at BIGINT;
CREATE UNIQUE INDEX users_entity_ref_key ON users (entity_ref) WHERE deleted_at IS NULL;
CREATE INDEX users_by_claim ON users (claimed_email) WHERE claimed_email IS NOT NULL AND email IS NULL;

ALTER TABLE teams ADD COLUMN entity_ref TEXT;      -- group:default/payments, lower case
ALTER TABLE teams ADD COLUMN source TEXT;
ALTER TABLE teams ADD COLUMN parent_id TEXT;       -- REFERENCES teams (id)
ALTER TABLE teams ADD COLUMN vanished_at BIGINT;   -- the entity went, and that alone deleted the team
-- Until now services found their team by its slug, the oldest first: that one is the group of this name.
UPDATE teams SET entity_ref = 'group:default/' || slug WHERE deleted_at IS NULL AND id = (
    SELECT t.id FROM teams t WHERE t.slug = teams.slug AND t.deleted_at IS NULL ORDER BY t.created_at, t.id LIMIT 1);
UPDATE teams SET entity_ref = (SELECT CASE WHEN o.slug = 'default' THEN 'group:default/' || substr(teams.slug, 1, 54) || '-'
        || substr(teams.id, 29) ELSE 'group:' || o.slug || '/' || teams.slug END FROM organizations o WHERE o.id = teams.org_id)
WHERE deleted_at IS NULL AND entity_ref IS NULL;
CREATE UNIQUE INDEX teams_entity_ref_key ON teams (entity_ref) WHERE deleted_at IS NULL;
CREATE INDEX teams_by_parent ON teams (parent_id) WHERE parent_id IS NOT NULL;

-- How often a link was asked for. account is a hash of the address, which may be nobody's.
CREATE TABLE password_resets (
    account TEXT PRIMARY KEY,
    asked BIGINT NOT NULL,
    since BIGINT NOT NULL
);
CREATE INDEX password_resets_by_age ON password_resets (since);

-- The team of a service is the one that is the owning group.
DROP VIEW services;
DROP INDEX teams_by_slug;
CREATE VIEW services AS
SELECT e.id, e.revision, e.created_at, e.created_by, e.updated_at, e.updated_by, e.name, e.namespace, e.title,
    e.description, e.type, e.lifecycle, e.owner_ref AS owner,
    (SELECT t.id FROM teams t WHERE t.entity_ref = e.owner_ref AND t.deleted_at IS NULL) AS owner_team_id,
    e.system_ref AS system, e.repository_url, json_extract(e.body || '}', '$.metadata.tags') AS tags, e.ref AS entity_ref,
    e.location AS source, COALESCE((SELECT h.status FROM service_health h WHERE h.service_id = e.id), 'unknown') AS health
FROM entities e WHERE e.kind = 'component';
