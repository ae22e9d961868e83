-- What a restore may have left out, and which peppers the keys need.

-- Where a restore has left the feed empty it begins anew: at the time in microseconds, since a number
-- that it has reached before could be taken for obeyed.
DROP TRIGGER change_insert;
CREATE TRIGGER change_insert INSTEAD OF INSERT ON change BEGIN
    INSERT INTO changes (sequence, mark, kind, key_id, organization_id, at)
    SELECT coalesce(max(sequence), CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000) + 1,
        randomblob(16), iif(NEW.key_id IS NULL, 'organization', 'key'), NEW.key_id,
        NEW.organization_id, CAST(round(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000
    FROM changes;
END;

-- The peppers that servers were started with.
CREATE TABLE peppers (
    id TEXT NOT NULL PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 32 AND id NOT GLOB '*[^A-Za-z0-9_-]*'),
    -- A keyed hash of a fixed text: it tells two peppers of one name apart, and nothing of either.
    check_value BLOB NOT NULL CHECK (length(check_value) = 32),
    -- New keys are made with the pepper whose turn was last; NULL where it never had one.
    turn INTEGER UNIQUE
) STRICT;

-- Which peppers a replica has, with a space between each two. It says so itself once it is registered.
ALTER TABLE replicas ADD COLUMN peppers TEXT NOT NULL DEFAULT '';
