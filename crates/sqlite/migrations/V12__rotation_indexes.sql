-- oldest schema: 6
-- For looking for a secret among the previous ones too. Apart from the columns, so that keys are read meanwhile.
CREATE UNIQUE INDEX api_keys_previous_digest ON api_keys (previous_digest) WHERE previous_digest IS NOT NULL;
-- Those that end when they are not used.
CREATE INDEX api_keys_finishing ON api_keys (previous_expires_at)
    WHERE finish_when_idle IS NOT NULL AND previous_digest IS NOT NULL;
