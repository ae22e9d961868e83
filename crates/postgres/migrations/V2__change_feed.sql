-- The change feed: everything that can make a verdict on a key stricter or different, in the order
-- of the commits.
--
-- Triggers write it, so that no code path can forget to. They fire at the end of the statement, take a
-- lock that they keep until the commit, and number the event after the last one that they see then:
-- nobody takes the next number before this one can be read. No row is updated over and over, so that
-- neither a bulk change nor a transaction that is left open makes this slower.

CREATE TABLE changes (
    sequence bigint PRIMARY KEY,
    mark bytea NOT NULL CHECK (octet_length(mark) = 16),
    -- 'start' is no change: it gives the feed's beginning a mark of its own.
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('start', 'key', 'organization')),
    key_id uuid,
    -- Of a key, the one that it belongs to.
    organization_id uuid,
    at timestamptz NOT NULL,
    CHECK ((kind = 'key') = (key_id IS NOT NULL)),
    CHECK ((kind = 'start') = (organization_id IS NULL))
);

INSERT INTO changes (sequence, mark, kind, at)
VALUES (0, uuid_send(gen_random_uuid()), 'start', clock_timestamp());

-- With the rights of its owner: whoever changes a key need not be able to write into the feed.
CREATE FUNCTION record_change() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
DECLARE
    last bigint;
BEGIN
    -- 'changes' in ASCII, with a zero before it. What is read next is read as of after the wait; and
    -- where there were no such lock, the number's uniqueness would refuse the second of two.
    PERFORM pg_advisory_xact_lock(x'006368616e676573'::bigint);
    SELECT max(sequence) INTO last FROM changes;
    IF TG_OP = 'TRUNCATE' THEN
        -- No reader's position is good any more.
        DELETE FROM changes;
        INSERT INTO changes (sequence, mark, kind, at)
        VALUES (last + 1, uuid_send(gen_random_uuid()), 'start', clock_timestamp());
    ELSIF TG_TABLE_NAME = 'api_keys' THEN
        INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
        VALUES (last + 1, uuid_send(gen_random_uuid()), 'key', OLD.id, OLD.organization_id, clock_timestamp());
    ELSE
        INSERT INTO changes (sequence, mark, kind, organization_id, at)
        VALUES (last + 1, uuid_send(gen_random_uuid()), 'organization', OLD.id, clock_timestamp());
    END IF;
    -- Keeps the last 100,000. The numbers have no gaps, so each event pushes out one.
    DELETE FROM changes WHERE sequence = last + 1 - 100000;
    RETURN NULL;
END
$$;

-- Nobody else may hang it on a table of their own; and it looks for its tables in this schema alone.
REVOKE ALL ON FUNCTION record_change() FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION record_change() SET search_path = %I, pg_temp', current_schema());
END
$$;

CREATE TRIGGER api_keys_update AFTER UPDATE ON api_keys FOR EACH ROW
WHEN ((OLD.id, OLD.organization_id, OLD.scopes, OLD.expires_at, OLD.project_id, OLD.revoked_at, OLD.pepper_id,
    OLD.digest)
    IS DISTINCT FROM (NEW.id, NEW.organization_id, NEW.scopes, NEW.expires_at, NEW.project_id, NEW.revoked_at,
    NEW.pepper_id, NEW.digest))
EXECUTE FUNCTION record_change();

CREATE TRIGGER api_keys_delete AFTER DELETE ON api_keys FOR EACH ROW EXECUTE FUNCTION record_change();

CREATE TRIGGER api_keys_truncate AFTER TRUNCATE ON api_keys FOR EACH STATEMENT EXECUTE FUNCTION record_change();

CREATE TRIGGER organizations_update AFTER UPDATE ON organizations FOR EACH ROW
WHEN ((OLD.id, OLD.suspended_at) IS DISTINCT FROM (NEW.id, NEW.suspended_at))
EXECUTE FUNCTION record_change();

CREATE TRIGGER organizations_delete AFTER DELETE ON organizations FOR EACH ROW EXECUTE FUNCTION record_change();
