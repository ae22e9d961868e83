-- oldest schema: 6
-- Until when the end of a key was said.
ALTER TABLE api_keys ADD COLUMN expiry_noticed_until INTEGER
    CHECK (expiry_noticed_until BETWEEN -62167219200000000 AND 253402300799999999);
