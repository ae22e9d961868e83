-- The change feed tells more: an organization's id at Clerk, which decides whose sessions it obeys,
-- the user behind a key, whom gateways name to the services behind them, and the rows that REPLACE
-- takes away, for which SQLite fires no trigger of their deletion.

DROP TRIGGER api_keys_update;
DROP TRIGGER api_keys_delete;
DROP TRIGGER organizations_update;
DROP TRIGGER organizations_delete;

-- Numbers what is put into it and writes it into the feed.
CREATE VIEW change AS SELECT key_id, organization_id FROM changes;

CREATE TRIGGER change_insert INSTEAD OF INSERT ON change BEGIN
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT max(sequence) + 1, randomblob(16), iif(NEW.key_id IS NULL, 'organization', 'key'), NEW.key_id,
        NEW.organization_id, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;

CREATE TRIGGER api_keys_insert BEFORE INSERT ON api_keys BEGIN
    INSERT INTO change SELECT id, organization_id FROM api_keys WHERE id = NEW.id OR digest = NEW.digest;
END;

CREATE TRIGGER api_keys_replace BEFORE UPDATE OF id, digest ON api_keys BEGIN
    INSERT INTO change SELECT id, organization_id FROM api_keys
    WHERE (id = NEW.id OR digest = NEW.digest) AND id <> OLD.id;
END;

CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys
WHEN (OLD.id, OLD.organization_id, OLD.scopes, OLD.created_by_user_id, OLD.expires_at, OLD.project_id,
    OLD.revoked_at, OLD.pepper_id, OLD.digest)
    IS NOT (NEW.id, NEW.organization_id, NEW.scopes, NEW.created_by_user_id, NEW.expires_at, NEW.project_id,
    NEW.revoked_at, NEW.pepper_id, NEW.digest)
BEGIN
    INSERT INTO change VALUES (OLD.id, OLD.organization_id);
END;

CREATE TRIGGER api_keys_delete AFTER DELETE ON api_keys BEGIN
    INSERT INTO change VALUES (OLD.id, OLD.organization_id);
END;

CREATE TRIGGER organizations_insert BEFORE INSERT ON organizations BEGIN
    INSERT INTO change SELECT NULL, id FROM organizations
    WHERE id = NEW.id OR clerk_organization_id = NEW.clerk_organization_id;
END;

CREATE TRIGGER organizations_replace BEFORE UPDATE OF id, clerk_organization_id ON organizations BEGIN
    INSERT INTO change SELECT NULL, id FROM organizations
    WHERE (id = NEW.id OR clerk_organization_id = NEW.clerk_organization_id) AND id <> OLD.id;
END;

CREATE TRIGGER organizations_update AFTER UPDATE ON organizations
WHEN (OLD.id, OLD.clerk_organization_id, OLD.suspended_at)
    IS NOT (NEW.id, NEW.clerk_organization_id, NEW.suspended_at)
BEGIN
    INSERT INTO change VALUES (NULL, OLD.id);
END;

CREATE TRIGGER organizations_delete AFTER DELETE ON organizations BEGIN
    INSERT INTO change VALUES (NULL, OLD.id);
END;
