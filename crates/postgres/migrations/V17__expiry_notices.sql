-- oldest schema: 6
-- Until when the end of a key was said. Nothing is told of it in the feed.
ALTER TABLE api_keys ADD COLUMN expiry_noticed_until timestamptz;
