-- oldest schema: 6
-- Keys whose secrets were made elsewhere: as a digest that somebody brings, or by an import.
--
-- Somebody may have asked for such a key before it was there, so that its insertion is told, as a change of a kind of its
-- own. A program that knows nothing of it takes it for a change of the organization.

-- The rows that are there have nothing in it, so they are not read (NOT VALID): that would keep everybody waiting.
ALTER TABLE api_keys
    ADD COLUMN brought boolean,
    ADD CONSTRAINT api_keys_brought_check CHECK (brought) NOT VALID;

-- One row where such a key was ever stored, else none.
CREATE TABLE brought_secrets (id integer PRIMARY KEY CHECK (id = 1));

ALTER TABLE changes
    DROP CONSTRAINT changes_kind_check,
    ADD CONSTRAINT changes_kind_check CHECK (kind IN ('start', 'key', 'organization', 'brought')) NOT VALID;

-- With the rights of its owner, as record_changes. One event an organization, however many its new keys.
CREATE FUNCTION record_brought() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET enable_seqscan = off SET enable_hashagg = off
AS $$
DECLARE
    organizations uuid[];
    last bigint;
BEGIN
    SELECT array_agg(DISTINCT organization_id) INTO organizations FROM new_rows WHERE brought;
    IF organizations IS NULL THEN
        RETURN NULL;
    END IF;
    INSERT INTO brought_secrets (id) VALUES (1) ON CONFLICT DO NOTHING;
    -- As in record_changes.
    PERFORM pg_advisory_xact_lock(x'006368616e676573'::bigint);
    last := feed_end();
    INSERT INTO changes (sequence, mark, kind, organization_id, at)
    SELECT last + place, uuid_send(gen_random_uuid()), 'brought', organization_id, clock_timestamp()
    FROM unnest(organizations) WITH ORDINALITY AS change (organization_id, place);
    DELETE FROM changes WHERE sequence BETWEEN last - 99999 AND last + cardinality(organizations) - 100000;
    RETURN NULL;
END
$$;

REVOKE ALL ON FUNCTION record_brought() FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION record_brought() SET search_path = %I, pg_temp', current_schema());
END
$$;

CREATE TRIGGER api_keys_brought AFTER INSERT ON api_keys REFERENCING NEW TABLE AS new_rows
FOR EACH STATEMENT EXECUTE FUNCTION record_brought();
