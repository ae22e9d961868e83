-- oldest schema: 6
-- The audit log tells what was changed, and is followed by readers.

-- Of the key.
ALTER TABLE audit_events ADD COLUMN project_id TEXT;
-- The organization that was asked for, where it is not the caller's own.
ALTER TABLE audit_events ADD COLUMN target_organization_id BLOB CHECK (length(target_organization_id) = 16);
-- What was changed, or why it was refused, as an object of texts.
ALTER TABLE audit_events ADD COLUMN details TEXT;

-- The last number that was taken out of the log: a reader that is not that far yet has missed something. One row.
CREATE TABLE audit_retention (
    id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    expired_through INTEGER NOT NULL
) STRICT;

CREATE TRIGGER audit_events_delete AFTER DELETE ON audit_events BEGIN
    INSERT INTO audit_retention (id, expired_through) VALUES (1, OLD.sequence)
    ON CONFLICT (id) DO UPDATE SET expired_through = max(expired_through, excluded.expired_through);
END;
