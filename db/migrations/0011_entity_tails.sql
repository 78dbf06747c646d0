-- Relations as they are served live beside the entity, so that a changed relation rewrites neither its body nor its indexes.
-- An entity without a row here has not been stitched yet and shows no relations.
CREATE TABLE entity_tails (
    n INTEGER PRIMARY KEY,              -- entities.n
    tail TEXT NOT NULL                  -- ',"relations":[…]}': what follows entities.body
);
INSERT INTO entity_tails (n, tail) SELECT n, tail FROM entities ORDER BY n;
ALTER TABLE entities DROP COLUMN tail;

-- Entities whose tail is older than their relations: large reads stitch once at their end, and a crash before it is made
-- good by the next read.
CREATE TABLE entity_unstitched (
    ref TEXT PRIMARY KEY
) WITHOUT ROWID;

-- Few are orphans, and they are looked for every few seconds.
CREATE INDEX entities_orphans ON entities (updated_at) WHERE is_orphan = 1;
