-- How often an API key may call, when that is less than all keys may: JSON object; NULL otherwise.
ALTER TABLE api_keys ADD COLUMN rate_limit TEXT COLLATE "C";
