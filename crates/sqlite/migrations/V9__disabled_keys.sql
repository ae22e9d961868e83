-- oldest schema: 6
-- Keys that are refused until they are enabled again.
--
-- Programs that know nothing of it must not accept such a key either: the first byte of its digest is the
-- complement of what it was, so that they find no key by its secret. Thereby each such change is told, too.

ALTER TABLE api_keys ADD COLUMN disabled_at INTEGER
    CHECK (disabled_at BETWEEN -62167219200000000 AND 253402300799999999);
ALTER TABLE api_keys ADD COLUMN disabled_reason TEXT
    CHECK (disabled_reason IS NULL OR length(disabled_reason) BETWEEN 1 AND 200 AND disabled_at IS NOT NULL);
