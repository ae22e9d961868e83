-- oldest schema: 6
-- Requests that are done once, however often they are sent, for as long as they are remembered. Nothing here is a secret, nor
-- what a client calls its request: that, the nonce and a pepper give the secret of the key.
CREATE TABLE idempotency_keys (
    -- A digest of whose request it is and what it is called.
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 32),
    -- What was made or changed. The record is committed with it, or not at all.
    key_id BLOB NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    at INTEGER NOT NULL CHECK (at BETWEEN -62167219200000000 AND 253402300799999999),
    asked BLOB NOT NULL CHECK (length(asked) = 32),
    nonce BLOB NOT NULL CHECK (length(nonce) = 32),
    pepper_id TEXT NOT NULL,
    -- The key as it was answered, by the names of its columns.
    answered TEXT NOT NULL
) STRICT;
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at);
