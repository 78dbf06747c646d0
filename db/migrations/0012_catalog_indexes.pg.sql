-- Fewer indexes to fill while a large catalog is read: nothing looks for entities by their owner's column, and those of a
-- document are always asked for together with its source.
DROP INDEX entities_by_owner;
DROP INDEX entities_by_document;
DROP INDEX entities_by_source;
CREATE INDEX entities_by_source ON entities (source_id, document_id);

-- A relation is written once, by the one apply that runs at a time, so nothing needs to find it a second time by all its
-- columns. The index by source answers by itself; the others have what they are asked for, each ref once with its rows.
ALTER TABLE entity_relations DROP CONSTRAINT entity_relations_pkey;
DROP INDEX entity_relations_by_target;
CREATE INDEX entity_relations_by_origin ON entity_relations (origin);
CREATE INDEX entity_relations_by_target ON entity_relations (target_ref);
