-- The catalog: entities as they are served, what they are found by, how they hang together, where they come from.

-- One row per entity. body || tail is the JSON text that the API sends: body ends before the closing brace
-- ('{"apiVersion":…,"spec":{…}'), tail begins with ',"relations":[' and closes the object, so that a changed relation
-- never rewrites the entity. n is the narrow key that the index tables use.
CREATE TABLE entities (
    n INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    ref TEXT NOT NULL UNIQUE,           -- kind:namespace/name, lower case
    kind TEXT NOT NULL,                 -- lower case, as are namespace and name
    namespace TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT,
    description TEXT,
    type TEXT,
    lifecycle TEXT,
    owner_ref TEXT,                     -- full refs, lower case
    system_ref TEXT,
    repository_url TEXT,
    owner_team_id TEXT,
    body TEXT NOT NULL,
    tail TEXT NOT NULL,
    etag TEXT NOT NULL,                 -- SHA-1 of what the sources say; changes with any visible change of body
    input_hash TEXT NOT NULL,           -- SHA-256 of the descriptor and its location: equal means nothing to do
    source_id TEXT NOT NULL,            -- catalog_sources.id
    document_id INTEGER,                -- catalog_documents.n; NULL for entities written by API
    location TEXT NOT NULL,             -- managed-by-location
    is_orphan INTEGER NOT NULL DEFAULT 0,
    errors TEXT,                        -- JSON array of status items while the newest input is refused; else NULL
    revision INTEGER NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    deleted_at BIGINT,
    deleted_by TEXT
);
CREATE INDEX entities_by_kind_name ON entities (kind, name, id);
CREATE INDEX entities_by_kind_n ON entities (kind, n);
CREATE INDEX entities_by_name ON entities (name, id);
CREATE INDEX entities_by_source ON entities (source_id);
CREATE INDEX entities_by_document ON entities (document_id);
CREATE INDEX entities_by_owner ON entities (owner_ref);

-- What filters look in: every scalar leaf of an entity that is worth it (docs/internals/catalog.md says which), key and
-- value lower case. Keys are interned. A value of the one character U+0001 stands for null and for texts too long to index.
CREATE TABLE entity_keys (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE
);
CREATE TABLE entity_fields (
    key_id INTEGER NOT NULL,
    value TEXT NOT NULL,
    n INTEGER NOT NULL,
    original TEXT,                      -- as written, when that differs from value
    PRIMARY KEY (key_id, value, n)
) WITHOUT ROWID;

-- One row per related pair and emitter, in the direction of the pair's forward type (dependsOn, ownedBy, partOf, …); the
-- other direction is the same row read backwards.
CREATE TABLE entity_relations (
    origin INTEGER NOT NULL,            -- entities.n of the entity that says so
    source_ref TEXT NOT NULL,
    type TEXT NOT NULL,
    target_ref TEXT NOT NULL,
    PRIMARY KEY (origin, source_ref, type, target_ref)
) WITHOUT ROWID;
CREATE INDEX entity_relations_by_source ON entity_relations (source_ref, type, target_ref);
CREATE INDEX entity_relations_by_target ON entity_relations (target_ref, type, source_ref);

-- Which Location emitted which entity (ancestry, orphans, refresh). parent_ref of a source's own generated Location is ''.
CREATE TABLE entity_parents (
    child_ref TEXT NOT NULL,
    parent_ref TEXT NOT NULL,
    source_id TEXT NOT NULL,
    PRIMARY KEY (child_ref, parent_ref)
) WITHOUT ROWID;
CREATE INDEX entity_parents_by_parent ON entity_parents (parent_ref);

-- Former states of an entity: the body that was replaced or deleted. The current one is in entities.
CREATE TABLE entity_history (
    entity_id TEXT NOT NULL,
    revision INTEGER NOT NULL,
    ref TEXT NOT NULL,
    body TEXT NOT NULL,
    valid_from BIGINT NOT NULL,
    valid_to BIGINT NOT NULL,
    changed_by TEXT,                    -- who ended this state
    is_deletion INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (entity_id, revision)
) WITHOUT ROWID;
CREATE INDEX entity_history_by_ref ON entity_history (ref, valid_to);

-- Roots that the catalog reads: locations of the configuration ('config') and of the API ('api'), and the one source that
-- holds what is written by API ('manual'). The API's locations are what GET /api/catalog/locations lists.
CREATE TABLE catalog_sources (
    id TEXT PRIMARY KEY,
    origin TEXT NOT NULL,
    type TEXT NOT NULL,                 -- url, file, git
    target TEXT NOT NULL,
    entity_ref TEXT NOT NULL,           -- location:default/generated-<sha1 of type:target>
    rules TEXT,                         -- JSON array of kinds this location may bring; NULL: the general rules
    state TEXT NOT NULL DEFAULT 'new',  -- new, ok, failing
    error TEXT,
    read_at BIGINT,                     -- last complete read
    next_read_at BIGINT,
    changed_at BIGINT,
    reading_until BIGINT,               -- somebody reads it now, at most until then
    revision INTEGER NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT,
    UNIQUE (origin, type, target)
);

-- Every text read for a source: its hash makes an unchanged pass free.
CREATE TABLE catalog_documents (
    n INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    location TEXT NOT NULL,             -- type:target
    parent_ref TEXT NOT NULL,           -- the Location entity that names it
    hash TEXT NOT NULL,                 -- SHA-256 of the bytes, of what they include by placeholder, and of the rules
    etag TEXT,                          -- of HTTP answers; commit of Git reads
    read_at BIGINT NOT NULL,
    error TEXT,
    UNIQUE (source_id, location, parent_ref)
);
CREATE INDEX catalog_documents_by_location ON catalog_documents (location);

-- What placeholders ($text, $json, $yaml) of a document read besides it.
CREATE TABLE catalog_includes (
    document_id INTEGER NOT NULL,
    location TEXT NOT NULL,
    hash TEXT NOT NULL,
    PRIMARY KEY (document_id, location)
) WITHOUT ROWID;

-- What was refused and why, where people look: per source, document and entity.
CREATE TABLE catalog_problems (
    n INTEGER PRIMARY KEY,
    source_id TEXT NOT NULL,
    document_id INTEGER,
    location TEXT NOT NULL,
    entity_ref TEXT,
    line INTEGER,
    column_ INTEGER,
    name TEXT NOT NULL,                 -- InputError, NotAllowedError, …
    message TEXT NOT NULL,
    found_at BIGINT NOT NULL
);
CREATE INDEX catalog_problems_by_source ON catalog_problems (source_id, n);

-- Kinds and relation types that people define; the built-in ones are in src/modules/catalog/kinds.
CREATE TABLE catalog_kinds (
    id TEXT PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    title TEXT,
    description TEXT,
    api_versions TEXT NOT NULL,         -- JSON array
    schema TEXT NOT NULL,               -- JSON Schema of the whole entity
    relations TEXT NOT NULL,            -- JSON array, see docs/reference/kinds.md
    properties TEXT,                    -- calculated properties
    revision INTEGER NOT NULL DEFAULT 1,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    created_by TEXT,
    updated_by TEXT
);

-- One row: the version rises with every change of the catalog (caches compare it), next_n hands out entities.n. Its lock
-- makes one apply run at a time on PostgreSQL, as SQLite's writer does anyway.
CREATE TABLE catalog_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    version BIGINT NOT NULL,
    next_n BIGINT NOT NULL
);
INSERT INTO catalog_state (id, version, next_n) VALUES (1, 1, 1);

-- Substring search: the trigrams of name, title and description say which entities may match; the columns have the last
-- word (detail=none keeps no positions).
CREATE VIRTUAL TABLE entity_text USING fts5(
    name, title, description, content='entities', content_rowid='n', tokenize='trigram', detail=none, columnsize=0
);
