-- oldest schema: 6
-- For lists of keys that are asked for by the key that they were made with, and for what was made with a key.
CREATE INDEX api_keys_of_maker ON api_keys (created_by_key_id, organization_id, id DESC)
    WHERE created_by_key_id IS NOT NULL;
