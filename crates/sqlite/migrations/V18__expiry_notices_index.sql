-- oldest schema: 6
-- Those of which it may have to be said. Apart from the column, as in PostgreSQL.
CREATE INDEX api_keys_ending ON api_keys (expires_at, id) WHERE revoked_at IS NULL AND disabled_at IS NULL
    AND (expiry_noticed_until IS NULL OR expiry_noticed_until < expires_at);
