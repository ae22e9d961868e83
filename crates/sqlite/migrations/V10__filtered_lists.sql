-- oldest schema: 6
-- For lists of keys that are asked for by a project, by who created them, by when they end and by their state. None holds
-- when a key was last used: each use would have to be written into every index of the table.
CREATE INDEX api_keys_of_project ON api_keys (organization_id, project_id, id DESC) WHERE project_id IS NOT NULL;
CREATE INDEX api_keys_of_creator ON api_keys (organization_id, created_by_user_id, id DESC)
    WHERE created_by_user_id IS NOT NULL;
CREATE INDEX api_keys_by_end ON api_keys (organization_id, expires_at) WHERE revoked_at IS NULL;
CREATE INDEX api_keys_disabled ON api_keys (organization_id, id DESC) WHERE disabled_at IS NOT NULL;
