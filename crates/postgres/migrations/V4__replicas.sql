-- Who may act on what it remembers, and which server of which line of history is asked.

-- The lines of history that lead to this one. The last is current where its server is the one that
-- answers, started when it was, with the feed in the same file: a standby that was promoted, a server
-- that was started again, a copy of the database and a feed that was put back each begin another.
-- Whoever first finds that the last is not current adds one. An old primary does not have the newest.
CREATE TABLE history_lines (
    number bigint PRIMARY KEY CHECK (number > 0),
    id uuid NOT NULL UNIQUE,
    server_started timestamptz NOT NULL,
    feed_file text COLLATE "C" NOT NULL
);

-- The last line, where it is that of the server that answers and the line that the caller has seen
-- last leads to it: nothing on a standby, on an old primary, and where a line is still to be begun. A
-- function, because its plan is kept while the statements that ask it come and go.
CREATE FUNCTION current_line(seen_number bigint, seen_id uuid) RETURNS TABLE (number bigint, id uuid)
LANGUAGE plpgsql STABLE ROWS 1 AS $$
BEGIN
    RETURN QUERY
    SELECT l.number, l.id FROM (SELECT * FROM history_lines h ORDER BY h.number DESC LIMIT 1) l
    WHERE NOT pg_is_in_recovery()
        AND l.server_started = pg_postmaster_start_time()
        AND l.feed_file = pg_relation_filepath('changes')
        AND (seen_id IS NULL OR seen_id = l.id OR EXISTS (
            SELECT FROM history_lines s WHERE s.number = seen_number AND s.id = seen_id
        ));
END
$$;

-- A change is acknowledged when all of these have confirmed it, or their leases have run out since.
CREATE TABLE replicas (
    id uuid PRIMARY KEY,
    -- In microseconds.
    lease bigint NOT NULL CHECK (lease > 0),
    -- What it has obeyed, and on which line of history.
    confirmed_sequence bigint,
    confirmed_history uuid,
    -- How often it has said that it is there.
    renewals bigint NOT NULL,
    -- It may take no lease until it registers again.
    retired boolean NOT NULL,
    CHECK ((confirmed_sequence IS NULL) = (confirmed_history IS NULL))
);
