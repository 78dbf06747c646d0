-- Fewer indexes to fill while a large catalog is read: nothing looks for entities by their owner's column, and those of a
-- document are always asked for together with its source.
DROP INDEX entities_by_owner;
DROP INDEX entities_by_document;
DROP INDEX entities_by_source;
CREATE INDEX entities_by_source ON entities (source_id, document_id);

-- A relation is written once, by the one apply that runs at a time, so nothing needs to find it a second time by all its
-- columns. Each of the three trees held all of them; now the rows lie in the order in which they came. Only the index by
-- source, whose rows are neighbours in a read, still answers by itself; the others have what they are asked for. Targets are
-- all over their index, so that one batch of a large read touches most of its pages: they had better be few.
CREATE TABLE relations_before (origin INTEGER NOT NULL, source_ref TEXT NOT NULL, type TEXT NOT NULL, target_ref TEXT NOT NULL);
INSERT INTO relations_before (origin, source_ref, type, target_ref)
    SELECT origin, source_ref, type, target_ref FROM entity_relations;
DROP TABLE entity_relations;
ALTER TABLE relations_before RENAME TO entity_relations;
CREATE INDEX entity_relations_by_origin ON entity_relations (origin);
CREATE INDEX entity_relations_by_source ON entity_relations (source_ref, type, target_ref);
CREATE INDEX entity_relations_by_target ON entity_relations (target_ref);
