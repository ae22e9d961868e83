-- oldest schema: 6
-- Keys whose secrets were made elsewhere: as a digest that somebody brings, or by an import.
--
-- Somebody may have asked for such a key before it was there, so that its insertion is told, as a change of a kind of its
-- own. A program that knows nothing of it takes it for a change of the organization.

ALTER TABLE api_keys ADD COLUMN brought INTEGER CHECK (brought = 1);

-- One row where such a key was ever stored, else none.
CREATE TABLE brought_secrets (id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1)) STRICT;

-- With one more kind; its rows stay as they are.
CREATE TABLE changes_before AS SELECT sequence, mark, kind, key_id, organization_id, at FROM changes;
DROP TABLE changes;

CREATE TABLE changes (
    sequence INTEGER NOT NULL PRIMARY KEY,
    mark BLOB NOT NULL CHECK (length(mark) = 16),
    -- 'start' is no change: it gives the feed's beginning a mark of its own.
    kind TEXT NOT NULL CHECK (kind IN ('start', 'key', 'organization', 'brought')),
    key_id BLOB CHECK (length(key_id) = 16),
    -- Of a key, the one that it belongs to.
    organization_id BLOB CHECK (length(organization_id) = 16),
    at INTEGER NOT NULL CHECK (at BETWEEN -62167219200000000 AND 253402300799999999),
    CHECK ((kind = 'key') = (key_id IS NOT NULL)),
    CHECK ((kind = 'start') = (organization_id IS NULL))
) STRICT;

INSERT INTO changes SELECT sequence, mark, kind, key_id, organization_id, at FROM changes_before;
DROP TABLE changes_before;

-- Keeps the last 100,000. The numbers have no gaps, so each event pushes out one.
CREATE TRIGGER changes_insert AFTER INSERT ON changes BEGIN
    DELETE FROM changes WHERE sequence = NEW.sequence - 100000;
END;

CREATE TRIGGER api_keys_brought AFTER INSERT ON api_keys WHEN NEW.brought BEGIN
    INSERT INTO brought_secrets SELECT 1 WHERE NOT EXISTS (SELECT 1 FROM brought_secrets);
    INSERT INTO changes (sequence, mark, kind, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), 'brought', NEW.organization_id,
        CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000
    FROM changes;
END;
