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
