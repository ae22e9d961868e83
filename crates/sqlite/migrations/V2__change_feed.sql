-- The change feed: everything that can make a verdict on a key stricter or different, in the order
-- of the commits, which come one after the other here.
--
-- Triggers write it, so that no code path can forget to.

CREATE TABLE changes (
    sequence INTEGER NOT NULL PRIMARY KEY,
    mark BLOB NOT NULL CHECK (length(mark) = 16),
    -- 'start' is no change: it gives the feed's beginning a mark of its own.
    kind TEXT NOT NULL CHECK (kind IN ('start', 'key', 'organization')),
    key_id BLOB CHECK (length(key_id) = 16),
    -- Of a key, the one that it belongs to.
    organization_id BLOB CHECK (length(organization_id) = 16),
    at INTEGER NOT NULL CHECK (at BETWEEN -62167219200000000 AND 253402300799999999),
    CHECK ((kind = 'key') = (key_id IS NOT NULL)),
    CHECK ((kind = 'start') = (organization_id IS NULL))
) STRICT;

INSERT INTO changes (sequence, mark, kind, at)
VALUES (0, randomblob(16), 'start', CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000);

-- Keeps the last 100,000. The numbers have no gaps, so each event pushes out one.
CREATE TRIGGER changes_insert AFTER INSERT ON changes BEGIN
    DELETE FROM changes WHERE sequence = NEW.sequence - 100000;
END;

CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys
WHEN (OLD.id, OLD.organization_id, OLD.scopes, OLD.expires_at, OLD.project_id, OLD.revoked_at, OLD.pepper_id,
    OLD.digest)
    IS NOT (NEW.id, NEW.organization_id, NEW.scopes, NEW.expires_at, NEW.project_id, NEW.revoked_at,
    NEW.pepper_id, NEW.digest)
BEGIN
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), 'key', OLD.id, OLD.organization_id,
        CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;

CREATE TRIGGER api_keys_delete AFTER DELETE ON api_keys BEGIN
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), 'key', OLD.id, OLD.organization_id,
        CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;

CREATE TRIGGER organizations_update AFTER UPDATE ON organizations
WHEN (OLD.id, OLD.suspended_at) IS NOT (NEW.id, NEW.suspended_at)
BEGIN
    INSERT INTO changes (sequence, mark, kind, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), 'organization', OLD.id,
        CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;

CREATE TRIGGER organizations_delete AFTER DELETE ON organizations BEGIN
    INSERT INTO changes (sequence, mark, kind, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), 'organization', OLD.id,
        CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;
