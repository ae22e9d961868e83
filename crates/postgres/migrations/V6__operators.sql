-- What the service's role could do and never has to, and a bound on the audit log.

-- A revoked key stays revoked, since when it was: whoever does not own the table, and is no member of
-- the role that does, cannot change that. The owner can, for repairs.
CREATE FUNCTION keep_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER api_keys_stay_revoked BEFORE UPDATE OF revoked_at ON api_keys FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
EXECUTE FUNCTION keep_revoked();

-- One caller who is refused over and over is one event with a number. Not checked for the rows that are
-- there, which would keep everybody waiting for a long log: they have the default.
ALTER TABLE audit_events ADD COLUMN occurrences bigint NOT NULL DEFAULT 1;
ALTER TABLE audit_events ADD CONSTRAINT audit_events_occurrences_check CHECK (occurrences >= 1) NOT VALID;

-- Takes out those of the oldest events that are older than `before`, with the rights of the table's owner,
-- and none that is younger than a day, whatever it is asked for. How many there were.
CREATE FUNCTION expire_audit_events(before timestamptz, at_most bigint) RETURNS bigint
LANGUAGE sql SECURITY DEFINER AS $$
    WITH gone AS (
        DELETE FROM audit_events USING (
            SELECT e.sequence FROM audit_events e ORDER BY e.sequence LIMIT at_most
        ) AS oldest
        WHERE audit_events.sequence = oldest.sequence
            AND audit_events.at < LEAST(before, now() - interval '1 day')
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON FUNCTION expire_audit_events(timestamptz, bigint) FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION expire_audit_events(timestamptz, bigint) SET search_path = %I, pg_temp',
        current_schema());
END
$$;
