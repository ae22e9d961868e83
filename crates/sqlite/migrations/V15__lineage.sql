-- oldest schema: 6
-- Which key a key was made with. What programs that know nothing of it make, and what is there, has nothing in the column.

ALTER TABLE api_keys ADD COLUMN created_by_key_id BLOB CHECK (length(created_by_key_id) = 16);
