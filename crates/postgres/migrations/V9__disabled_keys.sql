-- oldest schema: 6
-- Keys that are refused until they are enabled again.
--
-- Programs that know nothing of it must not accept such a key either: the first byte of its digest is the
-- complement of what it was, so that they find no key by its secret. Thereby each such change is told, too.
--
-- The rows that are there have nothing in these columns, so they are not read (NOT VALID): that would keep
-- everybody waiting.

ALTER TABLE api_keys
    ADD COLUMN disabled_at timestamptz,
    ADD COLUMN disabled_reason text COLLATE "C",
    ADD CONSTRAINT api_keys_disabled_reason_check
        CHECK (char_length(disabled_reason) BETWEEN 1 AND 200
            AND disabled_reason !~ '[\u0001-\u001f\u007f-\u009f]') NOT VALID,
    ADD CONSTRAINT api_keys_disabled CHECK (disabled_reason IS NULL OR disabled_at IS NOT NULL) NOT VALID;
