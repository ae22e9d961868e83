-- oldest schema: 6
-- Keys that were given another secret. The one before is looked for beside the present one until its grace is over.
-- Programs that know nothing of it take it for unknown.
--
-- The rows that are there have nothing in these columns, so they are not read (NOT VALID).

ALTER TABLE api_keys
    ADD COLUMN rotated_at timestamptz,
    ADD COLUMN previous_key_prefix text COLLATE "C",
    ADD COLUMN previous_expires_at timestamptz,
    ADD COLUMN previous_last_used_at timestamptz,
    -- In microseconds.
    ADD COLUMN finish_when_idle bigint,
    ADD COLUMN previous_pepper_id text COLLATE "C",
    ADD COLUMN previous_digest bytea,
    ADD CONSTRAINT api_keys_previous_key_prefix_check CHECK (char_length(previous_key_prefix) <= 64) NOT VALID,
    ADD CONSTRAINT api_keys_finish_when_idle_check CHECK (finish_when_idle > 0) NOT VALID,
    ADD CONSTRAINT api_keys_previous_pepper_id_check CHECK (previous_pepper_id ~ '^[A-Za-z0-9_-]{1,32}$') NOT VALID,
    ADD CONSTRAINT api_keys_previous_digest_check CHECK (octet_length(previous_digest) = 32) NOT VALID,
    ADD CONSTRAINT api_keys_rotated CHECK (
        (rotated_at IS NULL) = (previous_expires_at IS NULL)
        AND (rotated_at IS NULL) = (previous_key_prefix IS NULL)
        AND (previous_last_used_at IS NULL OR rotated_at IS NOT NULL)
        AND (finish_when_idle IS NULL OR rotated_at IS NOT NULL)
        AND (previous_digest IS NULL OR rotated_at IS NOT NULL)
        AND (previous_digest IS NULL) = (previous_pepper_id IS NULL)
    ) NOT VALID;

CREATE UNIQUE INDEX api_keys_previous_digest ON api_keys (previous_digest) WHERE previous_digest IS NOT NULL;
-- Those that end when they are not used.
CREATE INDEX api_keys_finishing ON api_keys (previous_expires_at)
    WHERE finish_when_idle IS NOT NULL AND previous_digest IS NOT NULL;

-- A change of that secret, and of when it ends, is told too.
DO $$
DECLARE
    before text := pg_get_functiondef('record_changes()'::regprocedure);
    after text := regexp_replace(before, 'pepper_id,\s+digest FROM',
        'pepper_id, digest, previous_pepper_id, previous_digest, previous_expires_at FROM', 'g');
BEGIN
    IF after = before THEN
        RAISE EXCEPTION 'record_changes() is not as it was written';
    END IF;
    EXECUTE after;
END
$$;
