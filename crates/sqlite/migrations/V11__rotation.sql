-- oldest schema: 6
-- Keys that were given another secret. The one before is looked for beside the present one until its grace is over.
-- Programs that know nothing of it take it for unknown.

ALTER TABLE api_keys ADD COLUMN rotated_at INTEGER
    CHECK (rotated_at BETWEEN -62167219200000000 AND 253402300799999999);
ALTER TABLE api_keys ADD COLUMN previous_key_prefix TEXT
    CHECK ((previous_key_prefix IS NULL) = (rotated_at IS NULL));
ALTER TABLE api_keys ADD COLUMN previous_expires_at INTEGER
    CHECK (previous_expires_at BETWEEN -62167219200000000 AND 253402300799999999 AND (previous_expires_at IS NULL) = (rotated_at IS NULL));
ALTER TABLE api_keys ADD COLUMN previous_last_used_at INTEGER
    CHECK (previous_last_used_at BETWEEN -62167219200000000 AND 253402300799999999 AND (previous_last_used_at IS NULL OR rotated_at IS NOT NULL));
-- In microseconds.
ALTER TABLE api_keys ADD COLUMN finish_when_idle INTEGER
    CHECK (finish_when_idle > 0 AND (finish_when_idle IS NULL OR rotated_at IS NOT NULL));
ALTER TABLE api_keys ADD COLUMN previous_pepper_id TEXT CHECK (
    length(previous_pepper_id) BETWEEN 1 AND 32 AND previous_pepper_id NOT GLOB '*[^A-Za-z0-9_-]*'
);
ALTER TABLE api_keys ADD COLUMN previous_digest BLOB CHECK (
    length(previous_digest) = 32 AND (previous_digest IS NULL OR rotated_at IS NOT NULL)
    AND (previous_digest IS NULL) = (previous_pepper_id IS NULL)
);

CREATE UNIQUE INDEX api_keys_previous_digest ON api_keys (previous_digest) WHERE previous_digest IS NOT NULL;
-- Those that end when they are not used.
CREATE INDEX api_keys_finishing ON api_keys (previous_expires_at)
    WHERE finish_when_idle IS NOT NULL AND previous_digest IS NOT NULL;

-- A change of that secret, and of when it ends, is told too.
DROP TRIGGER api_keys_update;
CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys
WHEN (OLD.id, OLD.organization_id, OLD.scopes, OLD.created_by_user_id, OLD.expires_at, OLD.project_id,
    OLD.revoked_at, OLD.pepper_id, OLD.digest, OLD.previous_pepper_id, OLD.previous_digest, OLD.previous_expires_at)
    IS NOT (NEW.id, NEW.organization_id, NEW.scopes, NEW.created_by_user_id, NEW.expires_at, NEW.project_id,
    NEW.revoked_at, NEW.pepper_id, NEW.digest, NEW.previous_pepper_id, NEW.previous_digest, NEW.previous_expires_at)
BEGIN
    INSERT INTO change VALUES (OLD.id, OLD.organization_id);
END;
