-- The change feed is written once a statement instead of once a row, and tells more.
--
-- A statement that changes many keys is judged as a whole: the work grows with their number alone,
-- and the lock is taken when all of it is done. Where it changes more than a few keys of an
-- organization, that is one event of the organization, at which a reader drops all of its keys.
--
-- Told anew: an organization's id at Clerk, which decides whose sessions it obeys, and the user
-- behind a key, whom gateways name to the services behind them.

DROP TRIGGER api_keys_update ON api_keys;
DROP TRIGGER api_keys_delete ON api_keys;
DROP TRIGGER api_keys_truncate ON api_keys;
DROP TRIGGER organizations_update ON organizations;
DROP TRIGGER organizations_delete ON organizations;
DROP FUNCTION record_change();

-- With the rights of its owner: whoever changes a key need not be able to write into the feed.
--
-- Plans are kept for as long as a session lasts, and may have been made when the feed was empty or
-- one row was changed. Without the two settings they would read the whole feed for one number, or
-- hold all changed rows in memory however many there are.
CREATE FUNCTION record_changes() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET enable_seqscan = off SET enable_hashagg = off
AS $$
DECLARE
    -- One place for each change; the key is NULL where the organization itself has changed.
    keys uuid[];
    organizations uuid[];
    last bigint;
BEGIN
    -- Of an update, the rows as they were that are not there in the same way afterwards. No row is
    -- looked for by its id, which the update may have changed too.
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'api_keys' THEN
        SELECT array_agg(id), array_agg(organization_id) INTO keys, organizations FROM (
            SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, revoked_at, pepper_id,
                digest FROM old_rows
            EXCEPT
            SELECT id, organization_id, scopes, created_by_user_id, expires_at, project_id, revoked_at, pepper_id,
                digest FROM new_rows
        ) AS changed;
    ELSIF TG_OP = 'UPDATE' THEN
        SELECT array_agg(NULL::uuid), array_agg(id) INTO keys, organizations FROM (
            SELECT id, clerk_organization_id, suspended_at FROM old_rows
            EXCEPT
            SELECT id, clerk_organization_id, suspended_at FROM new_rows
        ) AS changed;
    ELSIF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'api_keys' THEN
        SELECT array_agg(id), array_agg(organization_id) INTO keys, organizations FROM old_rows;
    ELSIF TG_OP = 'DELETE' THEN
        SELECT array_agg(NULL::uuid), array_agg(id) INTO keys, organizations FROM old_rows;
    END IF;
    IF organizations IS NULL AND TG_OP <> 'TRUNCATE' THEN
        RETURN NULL;
    END IF;
    -- One event for an organization with more than a few changed keys.
    IF cardinality(organizations) > 16 THEN
        SELECT array_agg(key_id), array_agg(organization_id) INTO keys, organizations FROM (
            SELECT DISTINCT organization_id, CASE WHEN changes_of_organization <= 16 THEN key_id END AS key_id FROM (
                SELECT organization_id, key_id, count(*) OVER (PARTITION BY organization_id) AS changes_of_organization
                FROM unnest(organizations, keys) AS change (organization_id, key_id)
            ) AS counted
        ) AS told;
    END IF;

    -- 'changes' in ASCII, with a zero before it. What is read next is read as of after the wait; and
    -- where there were no such lock, the number's uniqueness would refuse the second of two.
    PERFORM pg_advisory_xact_lock(x'006368616e676573'::bigint);
    SELECT max(sequence) INTO last FROM changes;
    IF TG_OP = 'TRUNCATE' THEN
        -- No reader's position is good any more.
        DELETE FROM changes;
        INSERT INTO changes (sequence, mark, kind, at)
        VALUES (last + 1, uuid_send(gen_random_uuid()), 'start', clock_timestamp());
        RETURN NULL;
    END IF;
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT last + place, uuid_send(gen_random_uuid()),
        CASE WHEN key_id IS NULL THEN 'organization' ELSE 'key' END, key_id, organization_id, clock_timestamp()
    FROM unnest(organizations, keys) WITH ORDINALITY AS change (organization_id, key_id, place);
    -- Keeps the last 100,000. The numbers have no gaps, so each event pushes out one; with both ends of
    -- the range named, those that were pushed out before are not passed again.
    DELETE FROM changes WHERE sequence BETWEEN last - 99999 AND last + cardinality(organizations) - 100000;
    RETURN NULL;
END
$$;

-- Nobody else may hang it on a table of their own; and it looks for its tables in this schema alone.
REVOKE ALL ON FUNCTION record_changes() FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION record_changes() SET search_path = %I, pg_temp', current_schema());
END
$$;

CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_changes();

CREATE TRIGGER api_keys_delete AFTER DELETE ON api_keys REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_changes();

CREATE TRIGGER api_keys_truncate AFTER TRUNCATE ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION record_changes();

CREATE TRIGGER organizations_update AFTER UPDATE ON organizations
REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_changes();

CREATE TRIGGER organizations_delete AFTER DELETE ON organizations REFERENCING OLD TABLE AS old_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_changes();

-- What is told from now on may have changed before, and nobody was told: every reader begins anew.
INSERT INTO changes (sequence, mark, kind, at)
SELECT max(sequence) + 1, uuid_send(gen_random_uuid()), 'start', clock_timestamp() FROM changes;
DELETE FROM changes WHERE sequence < (SELECT max(sequence) FROM changes);
