-- What a restore may have left out, and which peppers the keys need.

-- The number of the last event. Where a restore has left the feed empty it begins anew: at the time in
-- microseconds, since a number that it has reached before could be taken for obeyed.
CREATE FUNCTION feed_end() RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET enable_seqscan = off AS $$
DECLARE
    last bigint;
BEGIN
    SELECT max(sequence) INTO last FROM changes;
    IF last IS NULL THEN
        -- As in record_changes.
        PERFORM pg_advisory_xact_lock(x'006368616e676573'::bigint);
        INSERT INTO changes (sequence, mark, kind, at)
        SELECT extract(epoch FROM clock_timestamp()) * 1000000, uuid_send(gen_random_uuid()), 'start',
            clock_timestamp()
        WHERE NOT EXISTS (SELECT FROM changes);
        SELECT max(sequence) INTO last FROM changes;
    END IF;
    RETURN last;
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION feed_end() SET search_path = %I, pg_temp', current_schema());
    -- The rest of the function stays as it is.
    EXECUTE replace(pg_get_functiondef('record_changes()'::regprocedure),
        'SELECT max(sequence) INTO last FROM changes;', 'last := feed_end();');
END
$$;

-- The peppers that servers were started with.
CREATE TABLE peppers (
    id text COLLATE "C" PRIMARY KEY CHECK (id ~ '^[A-Za-z0-9_-]{1,32}$'),
    -- A keyed hash of a fixed text: it tells two peppers of one name apart, and nothing of either.
    check_value bytea NOT NULL CHECK (octet_length(check_value) = 32),
    -- New keys are made with the pepper whose turn was last; NULL where it never had one.
    turn bigint UNIQUE
);

-- Which peppers a replica has. It says so itself once it is registered.
ALTER TABLE replicas ADD COLUMN peppers text[] COLLATE "C" NOT NULL DEFAULT '{}';
