-- Who may act on what it remembers: a change is acknowledged when all of these have confirmed it, or
-- their leases have run out since.
CREATE TABLE replicas (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    -- In microseconds.
    lease INTEGER NOT NULL CHECK (lease > 0),
    -- What it has obeyed, and on which line of history.
    confirmed_sequence INTEGER,
    confirmed_history BLOB CHECK (length(confirmed_history) = 16),
    -- How often it has said that it is there.
    renewals INTEGER NOT NULL,
    -- It may take no lease until it registers again.
    retired INTEGER NOT NULL CHECK (retired IN (0, 1)),
    CHECK ((confirmed_sequence IS NULL) = (confirmed_history IS NULL))
) STRICT;
