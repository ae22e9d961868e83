-- oldest schema: 6
-- The audit log tells what was changed, and is followed by readers.

ALTER TABLE audit_events
    -- Of the key.
    ADD COLUMN project_id text COLLATE "C",
    -- The organization that was asked for, where it is not the caller's own.
    ADD COLUMN target_organization_id uuid,
    -- What was changed, or why it was refused, as an object of texts.
    ADD COLUMN details jsonb;

-- The last number that was taken out of the log: a reader that is not that far yet has missed something. One row.
CREATE TABLE audit_retention (
    id integer PRIMARY KEY CHECK (id = 1),
    expired_through bigint NOT NULL
);

CREATE FUNCTION record_expired_events() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO audit_retention AS r (id, expired_through)
    SELECT 1, max(sequence) FROM gone HAVING count(*) > 0
    ON CONFLICT (id) DO UPDATE SET expired_through = GREATEST(r.expired_through, EXCLUDED.expired_through);
    RETURN NULL;
END
$$;

CREATE TRIGGER audit_events_delete AFTER DELETE ON audit_events REFERENCING OLD TABLE AS gone
FOR EACH STATEMENT EXECUTE FUNCTION record_expired_events();

-- How far the log went when a line of history was begun. After a failover that has lost events, the numbers up to
-- this one are those of both lines, and the later ones may be other events. Not a column of the lines: adding it
-- would keep every statement waiting.
CREATE TABLE audit_lines (
    number bigint PRIMARY KEY,
    events_end bigint NOT NULL
);

-- A trigger, so that servers of the version before write it too. A restore may have put the row there.
CREATE FUNCTION record_events_end() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO audit_lines (number, events_end)
    SELECT NEW.number, GREATEST(max(sequence), (SELECT max(expired_through) FROM audit_retention), 0) FROM audit_events
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER history_lines_insert AFTER INSERT ON history_lines FOR EACH ROW EXECUTE FUNCTION record_events_end();

REVOKE ALL ON FUNCTION record_expired_events(), record_events_end() FROM PUBLIC;
DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION record_expired_events() SET search_path = %I, pg_temp', current_schema());
    EXECUTE format('ALTER FUNCTION record_events_end() SET search_path = %I, pg_temp', current_schema());
END
$$;
