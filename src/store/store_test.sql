-- Queries of the store's own tests: what a module's queries look like.

-- name: insert
INSERT INTO things(id, name, n, x, data) VALUES ($1, $2, $3, $4, $5);

-- name: by_name
-- Placeholders need not come in order.
SELECT id, name, n, x, data FROM things WHERE n >= $2 AND name = $1 ORDER BY id LIMIT 10;

-- name: all
SELECT id, name, n, x, data FROM things ORDER BY id LIMIT 1000;

-- name: dialect
SELECT 'sqlite'
-- for: pg
SELECT 'postgres'
