-- Services: components of the catalog as S2's tables see them, and what hangs on a service: versions, deployments,
-- dependencies, health checks. All of it goes with its entity (ON DELETE CASCADE).

CREATE TABLE service_versions (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    service_id TEXT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    version TEXT NOT NULL,              -- Semantic Versioning 2.0.0
    precedence TEXT NOT NULL,           -- sorts as the version ranks
    git_sha TEXT,
    dockerfile_path TEXT,
    config TEXT                         -- JSON object
);
CREATE UNIQUE INDEX service_versions_service_id_version_key ON service_versions (service_id, version);
CREATE INDEX service_versions_by_precedence ON service_versions (service_id, precedence);
CREATE INDEX service_versions_by_age ON service_versions (service_id, created_at, id);

CREATE TABLE service_deployments (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    service_id TEXT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    version_id TEXT REFERENCES service_versions (id) ON DELETE CASCADE,
    environment TEXT NOT NULL,
    status TEXT NOT NULL,               -- pending running succeeded failed cancelled rolled_back
    deployed_at BIGINT
);
CREATE INDEX service_deployments_by_age ON service_deployments (service_id, created_at, id);
CREATE INDEX service_deployments_by_time ON service_deployments (service_id, environment, deployed_at);
CREATE INDEX service_deployments_by_version ON service_deployments (version_id);

CREATE TABLE service_dependencies (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    service_id TEXT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    depends_on_service_id TEXT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    type TEXT NOT NULL,
    version_constraint TEXT,            -- a range of versions in npm's syntax
    status TEXT NOT NULL,               -- satisfied violated unknown
    checked_version TEXT                -- the version of the target that status speaks of
);
CREATE UNIQUE INDEX service_dependencies_service_id_depends_on_service_id_type_key
    ON service_dependencies (service_id, depends_on_service_id, type);
CREATE INDEX service_dependencies_by_target ON service_dependencies (depends_on_service_id);
CREATE INDEX service_dependencies_by_status ON service_dependencies (status, created_at, id);
CREATE INDEX service_dependencies_by_age ON service_dependencies (created_at, id);

CREATE TABLE health_checks (
    id TEXT PRIMARY KEY,
    revision BIGINT NOT NULL,
    created_at BIGINT NOT NULL,
    created_by TEXT,
    updated_at BIGINT NOT NULL,
    updated_by TEXT,
    service_id TEXT NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    endpoint TEXT NOT NULL,
    method TEXT NOT NULL,
    expected_status BIGINT NOT NULL,
    interval_seconds BIGINT NOT NULL,
    timeout_seconds BIGINT NOT NULL,
    enabled BIGINT NOT NULL,
    headers TEXT                        -- sealed
);
CREATE UNIQUE INDEX health_checks_service_id_name_key ON health_checks (service_id, name);

-- Where a check stands. Kept apart from its definition, whose revision it must not touch.
CREATE TABLE health_check_states (
    check_id TEXT PRIMARY KEY REFERENCES health_checks (id) ON DELETE CASCADE,
    service_id TEXT NOT NULL,
    interval_us BIGINT NOT NULL,
    timeout_us BIGINT NOT NULL,
    next_run_at BIGINT,                 -- NULL: it is switched off
    claimed_by TEXT,                    -- the run that has it in hand,
    claimed_until BIGINT,               -- and until when nobody else may take it
    status TEXT NOT NULL,               -- healthy degraded unhealthy unknown
    failures BIGINT NOT NULL,           -- in a row
    changed_at BIGINT NOT NULL,         -- when status became what it is
    last_at BIGINT,                     -- of the last run: when it began,
    last_ok BIGINT,
    last_status_code BIGINT,            -- NULL: no answer
    last_duration_us BIGINT,
    last_error TEXT
);
CREATE INDEX health_check_states_due ON health_check_states (next_run_at) WHERE next_run_at IS NOT NULL;
CREATE INDEX health_check_states_by_service ON health_check_states (service_id);

-- Every run, for a short time; and per hour, for a long one.
CREATE TABLE health_results (
    check_id TEXT NOT NULL REFERENCES health_checks (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    ok BIGINT NOT NULL,
    status_code BIGINT,
    duration_us BIGINT NOT NULL,
    error TEXT,
    PRIMARY KEY (check_id, at)
) WITHOUT ROWID;
CREATE TABLE health_rollups (
    check_id TEXT NOT NULL REFERENCES health_checks (id) ON DELETE CASCADE,
    hour BIGINT NOT NULL,               -- its first microsecond
    runs BIGINT NOT NULL,
    ok BIGINT NOT NULL,
    duration_us_sum BIGINT NOT NULL,
    duration_us_max BIGINT NOT NULL,
    PRIMARY KEY (check_id, hour)
) WITHOUT ROWID;

-- The worst of a service's checks. No row: it never had one.
CREATE TABLE service_health (
    service_id TEXT PRIMARY KEY REFERENCES entities (id) ON DELETE CASCADE,
    status TEXT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- What the record Service reads; it is written through the catalog. The team is the one whose slug is the name of the
-- owning group.
CREATE INDEX teams_by_slug ON teams (slug, created_at) WHERE deleted_at IS NULL;
CREATE VIEW services AS
SELECT e.id, e.revision, e.created_at, e.created_by, e.updated_at, e.updated_by, e.name, e.namespace, e.title,
    e.description, e.type, e.lifecycle, e.owner_ref AS owner,
    CASE WHEN e.owner_ref LIKE 'group:default/%' THEN
        (SELECT t.id FROM teams t WHERE t.slug = substr(e.owner_ref, 15) AND t.deleted_at IS NULL
            ORDER BY t.created_at, t.id LIMIT 1) END AS owner_team_id,
    e.system_ref AS system, e.repository_url, json_extract(e.body || '}', '$.metadata.tags') AS tags, e.ref AS entity_ref,
    e.location AS source, COALESCE((SELECT h.status FROM service_health h WHERE h.service_id = e.id), 'unknown') AS health
FROM entities e WHERE e.kind = 'component';
