-- Fewer indexes to fill while a large catalog is read: nothing looks for entities by their owner's column, and those of a
-- document are always asked for together with its source.
DROP INDEX entities_by_owner;
DROP INDEX entities_by_document;
DROP INDEX entities_by_source;
CREATE INDEX entities_by_source ON entities (source_id, document_id);
