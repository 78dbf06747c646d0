-- The search index: two of everything. One is searched and kept up to date, the other one is filled by a rebuild and then
-- takes its place (search_state.slot). Words are what search_words.c makes of texts, each with a character before it that
-- says where it stands; so one table of words answers every question, and no database has rules of its own about words.

-- One row per document. n is never used twice: the words of a document that changed or went are left behind under their old
-- number, where nothing is found any more, and a rebuild gets rid of them.
CREATE TABLE search_documents_a (
    n BIGINT PRIMARY KEY,
    type TEXT NOT NULL,                 -- of its source: software-catalog
    key TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,                -- names and titles, folded, one a line
    name TEXT NOT NULL,                 -- from here on as written
    title TEXT,
    alias TEXT,
    kind TEXT,
    namespace TEXT,
    ctype TEXT,
    lifecycle TEXT,
    owner TEXT,
    tags TEXT,                          -- separated by spaces
    summary TEXT,
    href TEXT NOT NULL,
    owner_ref TEXT,                     -- who sees it
    auth_id TEXT,
    words TSVECTOR NOT NULL
);
CREATE UNIQUE INDEX search_documents_a_key ON search_documents_a (key, type);
-- What waits to be sorted in is read through by every search: little may wait.
CREATE INDEX search_documents_a_words ON search_documents_a USING gin (words) WITH (gin_pending_list_limit = 256);
-- Words that may be meant when one is mistyped, by what is left of them without one or two letters (search_typos.c).
CREATE TABLE search_terms_a (term TEXT COLLATE "C" PRIMARY KEY);
CREATE TABLE search_typos_a (key BIGINT NOT NULL, term TEXT COLLATE "C" NOT NULL, PRIMARY KEY (key, term));

CREATE TABLE search_documents_b (
    n BIGINT PRIMARY KEY,
    type TEXT NOT NULL,
    key TEXT COLLATE "C" NOT NULL,
    label TEXT NOT NULL,
    name TEXT NOT NULL,
    title TEXT,
    alias TEXT,
    kind TEXT,
    namespace TEXT,
    ctype TEXT,
    lifecycle TEXT,
    owner TEXT,
    tags TEXT,
    summary TEXT,
    href TEXT NOT NULL,
    owner_ref TEXT,
    auth_id TEXT,
    words TSVECTOR NOT NULL
);
CREATE UNIQUE INDEX search_documents_b_key ON search_documents_b (key, type);
CREATE INDEX search_documents_b_words ON search_documents_b USING gin (words) WITH (gin_pending_list_limit = 256);
CREATE TABLE search_terms_b (term TEXT COLLATE "C" PRIMARY KEY);
CREATE TABLE search_typos_b (key BIGINT NOT NULL, term TEXT COLLATE "C" NOT NULL, PRIMARY KEY (key, term));

CREATE TABLE search_slots (
    slot TEXT PRIMARY KEY,              -- a, b
    next_n BIGINT NOT NULL,
    documents BIGINT NOT NULL,
    stale BIGINT NOT NULL,              -- numbers whose words are left behind
    builder TEXT                        -- the attempt of a job that fills it
);
INSERT INTO search_slots (slot, next_n, documents, stale) VALUES ('a', 1, 0, 0), ('b', 1, 0, 0);

-- One row. Its lock makes one indexer run at a time.
CREATE TABLE search_state (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    slot TEXT NOT NULL,                 -- which one is searched
    generation BIGINT NOT NULL,         -- rises with every rebuild
    position BIGINT NOT NULL,           -- of the last event that is in the index
    format BIGINT NOT NULL,             -- of words (SEARCH_FORMAT); another one asks for a rebuild
    built_at BIGINT,
    indexed_at BIGINT
);
-- What is there already comes by a rebuild, what is new by events.
INSERT INTO search_state (id, slot, generation, position, format)
SELECT 1, 'a', 1, pruned, CASE WHEN EXISTS (SELECT 1 FROM entities) THEN 0 ELSE 1 END FROM event_stream;

-- Parts of words need pg_trgm; without the right to create it, they are looked for in every label.
DO $$
BEGIN
    CREATE EXTENSION IF NOT EXISTS pg_trgm;
    CREATE INDEX search_documents_a_label ON search_documents_a USING gin (label gin_trgm_ops) WITH (gin_pending_list_limit = 256);
    CREATE INDEX search_documents_b_label ON search_documents_b USING gin (label gin_trgm_ops) WITH (gin_pending_list_limit = 256);
EXCEPTION WHEN OTHERS THEN
    RAISE NOTICE 'pg_trgm is not available: %', SQLERRM;
END
$$;
