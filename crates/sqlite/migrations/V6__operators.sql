-- The feed is written by whatever changes a key, the command line of an older SQLite too: `unixepoch`
-- with fractions of a second is there from 3.42 on, and was NULL before, which the feed refuses.
DROP TRIGGER change_insert;

CREATE TRIGGER change_insert INSTEAD OF INSERT ON change BEGIN
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), iif(NEW.key_id IS NULL, 'organization', 'key'), NEW.key_id,
        NEW.organization_id, CAST(round((julianday('now') - 2440587.5) * 86400000.0) AS INTEGER) * 1000
    FROM changes;
END;

-- One caller who is refused over and over is one event with a number.
ALTER TABLE audit_events ADD COLUMN occurrences INTEGER NOT NULL DEFAULT 1 CHECK (occurrences >= 1);
