-- Organisations, their keys, and the audit log.
--
-- The checks repeat the rules of the domain and are nowhere stricter: what the domain accepts can
-- be stored. Texts are compared byte by byte (COLLATE "C"), whatever the database's own locale is.

CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text COLLATE "C" NOT NULL
        CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    slug text COLLATE "C" NOT NULL CHECK (slug ~ '^[a-z0-9-]{1,200}$'),
    created_at timestamptz NOT NULL,
    updated_at timestamptz NOT NULL,
    clerk_organization_id text COLLATE "C" UNIQUE
        CHECK (clerk_organization_id ~ '^org_[A-Za-z0-9_]{1,100}$'),
    clerk_organization_slug text COLLATE "C",
    suspended_at timestamptz,
    suspended_reason text COLLATE "C"
        CHECK (char_length(suspended_reason) BETWEEN 1 AND 200
            AND suspended_reason !~ '[\u0001-\u001f\u007f-\u009f]'),
    CHECK (clerk_organization_slug IS NULL OR clerk_organization_id IS NOT NULL),
    CHECK (suspended_reason IS NULL OR suspended_at IS NOT NULL)
);

CREATE TABLE api_keys (
    id uuid PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    name text COLLATE "C" NOT NULL
        CHECK (char_length(name) BETWEEN 1 AND 200 AND name !~ '[\u0001-\u001f\u007f-\u009f]'),
    key_prefix text COLLATE "C" NOT NULL CHECK (char_length(key_prefix) <= 64),
    -- In the order in which the caller gave them.
    scopes text[] COLLATE "C" NOT NULL
        CHECK (cardinality(scopes) >= 1 AND scopes <@ ARRAY[
            'projects:read', 'projects:write', 'credentials:read', 'backups:read', 'backups:write',
            'jobs:read', 'schema:read', 'organizations:read', 'organizations:write',
            'api_keys:read', 'api_keys:write', '*'
        ]),
    source text COLLATE "C" NOT NULL
        CHECK (source IN ('dashboard', 'api', 'cli', 'agent', 'operator', 'import')),
    created_at timestamptz NOT NULL,
    created_by_user_id text COLLATE "C" CHECK (created_by_user_id ~ '^user_[A-Za-z0-9_]{1,100}$'),
    device_name text COLLATE "C"
        CHECK (char_length(device_name) BETWEEN 1 AND 200
            AND device_name !~ '[\u0001-\u001f\u007f-\u009f]'),
    expires_at timestamptz,
    last_used_at timestamptz,
    project_id text COLLATE "C" CHECK (project_id ~ '^[A-Za-z0-9_-]{1,64}$'),
    revoked_at timestamptz,
    pepper_id text COLLATE "C" NOT NULL CHECK (pepper_id ~ '^[A-Za-z0-9_-]{1,32}$'),
    digest bytea NOT NULL UNIQUE CHECK (octet_length(digest) = 32)
);

-- The order of the listing, newest first.
CREATE INDEX api_keys_of_organization ON api_keys (organization_id, id DESC);

-- Without foreign keys: the log outlives what it speaks of.
CREATE TABLE audit_events (
    sequence bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL,
    action text COLLATE "C" NOT NULL CHECK (char_length(action) BETWEEN 1 AND 64),
    outcome text COLLATE "C" NOT NULL CHECK (outcome IN ('done', 'denied')),
    actor_kind text COLLATE "C" NOT NULL CHECK (actor_kind IN ('api_key', 'user', 'operator')),
    actor_id text COLLATE "C",
    organization_id uuid,
    key_id uuid,
    request_id text COLLATE "C" NOT NULL CHECK (char_length(request_id) BETWEEN 1 AND 128),
    peer inet,
    CHECK ((actor_kind = 'operator') = (actor_id IS NULL))
);

CREATE INDEX audit_events_of_organization ON audit_events (organization_id, sequence);
