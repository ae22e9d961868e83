-- oldest schema: 6
-- Requests that are done once, however often they are sent, for as long as they are remembered. Nothing here is a secret, nor
-- what a client calls its request: that, the nonce and a pepper give the secret of the key.
CREATE TABLE idempotency_keys (
    -- A digest of whose request it is and what it is called.
    id bytea PRIMARY KEY CHECK (octet_length(id) = 32),
    -- What was made or changed. The record is committed with it, or not at all.
    key_id uuid NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    at timestamptz NOT NULL,
    asked bytea NOT NULL CHECK (octet_length(asked) = 32),
    nonce bytea NOT NULL CHECK (octet_length(nonce) = 32),
    pepper_id text COLLATE "C" NOT NULL,
    -- The key as it was answered, by the names of its columns.
    answered jsonb NOT NULL
);
CREATE INDEX idempotency_keys_by_time ON idempotency_keys (at);
