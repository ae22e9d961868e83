-- oldest schema: 6
-- Keys that are refused until they are enabled again.
--
-- Programs that know nothing of it must not accept such a key either: the first byte of its digest is the
-- complement of what it was, so that they find no key by its secret. Thereby each such change is told, too.

ALTER TABLE api_keys
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN disabled_reason text COLLATE "C"
        CHECK (char_length(disabled_reason) BETWEEN 1 AND 200
            AND disabled_reason !~ '[\u0001-\u001f\u007f-\u009f]'),
    ADD CONSTRAINT api_keys_disabled CHECK (disabled_reason IS NULL OR disabled_at IS NOT NULL);

-- Keys that were given another secret. The one before is looked for beside the present one until its grace is over.
-- Programs that know nothing of it take it for unknown.

ALTER TABLE api_keys
    ADD COLUMN rotated_at timestamptz,
    ADD COLUMN previous_key_prefix text COLLATE "C" CHECK (char_length(previous_key_prefix) <= 64),
    ADD COLUMN previous_expires_at timestamptz,
    ADD COLUMN previous_last_used_at timestamptz,
    -- In microseconds.
    ADD COLUMN finish_when_idle bigint CHECK (finish_when_idle > 0),
    ADD COLUMN previous_pepper_id text COLLATE "C" CHECK (previous_pepper_id ~ '^[A-Za-z0-9_-]{1,32}$'),
    ADD COLUMN previous_digest bytea CHECK (octet_length(previous_digest) = 32),
    ADD CONSTRAINT api_keys_rotated CHECK (
        (rotated_at IS NULL) = (previous_expires_at IS NULL)
        AND (rotated_at IS NULL) = (previous_key_prefix IS NULL)
        AND (previous_last_used_at IS NULL OR rotated_at IS NOT NULL)
        AND (finish_when_idle IS NULL OR rotated_at IS NOT NULL)
        AND (previous_digest IS NULL OR rotated_at IS NOT NULL)
        AND (previous_digest IS NULL) = (previous_pepper_id IS NULL)
    );

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
