-- Times are microseconds since the Unix epoch; the bounds are those of RFC 3339 (years 0 to 9999).
-- Ids are UUIDs as 16 bytes, whose order is the order of creation.
-- The checks repeat the rules of the domain, and none is stricter. length() of a text counts
-- characters, of a blob bytes; GLOB tells capital letters from small ones.

CREATE TABLE organizations (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    slug TEXT NOT NULL CHECK (length(slug) BETWEEN 1 AND 200 AND slug NOT GLOB '*[^a-z0-9-]*'),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN -62167219200000000 AND 253402300799999999),
    updated_at INTEGER NOT NULL CHECK (updated_at BETWEEN -62167219200000000 AND 253402300799999999),
    clerk_organization_id TEXT UNIQUE CHECK (
        length(clerk_organization_id) BETWEEN 5 AND 104
        AND clerk_organization_id GLOB 'org_*'
        AND clerk_organization_id NOT GLOB '*[^A-Za-z0-9_]*'
    ),
    clerk_organization_slug TEXT,
    suspended_at INTEGER CHECK (suspended_at BETWEEN -62167219200000000 AND 253402300799999999),
    suspended_reason TEXT CHECK (length(suspended_reason) BETWEEN 1 AND 200),
    CHECK (clerk_organization_slug IS NULL OR clerk_organization_id IS NOT NULL),
    CHECK (suspended_reason IS NULL OR suspended_at IS NOT NULL)
) STRICT;

CREATE TABLE api_keys (
    id BLOB NOT NULL PRIMARY KEY CHECK (length(id) = 16),
    organization_id BLOB NOT NULL REFERENCES organizations (id),
    name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 200),
    key_prefix TEXT NOT NULL,
    -- The scopes' names in the order given, one space between each two.
    scopes TEXT NOT NULL CHECK (length(scopes) >= 1),
    source TEXT NOT NULL CHECK (source IN ('dashboard', 'api', 'cli', 'agent', 'operator', 'import')),
    created_at INTEGER NOT NULL CHECK (created_at BETWEEN -62167219200000000 AND 253402300799999999),
    created_by_user_id TEXT CHECK (
        length(created_by_user_id) BETWEEN 6 AND 105
        AND created_by_user_id GLOB 'user_*'
        AND created_by_user_id NOT GLOB '*[^A-Za-z0-9_]*'
    ),
    device_name TEXT CHECK (length(device_name) BETWEEN 1 AND 200),
    expires_at INTEGER CHECK (expires_at BETWEEN -62167219200000000 AND 253402300799999999),
    last_used_at INTEGER CHECK (last_used_at BETWEEN -62167219200000000 AND 253402300799999999),
    project_id TEXT CHECK (length(project_id) BETWEEN 1 AND 64 AND project_id NOT GLOB '*[^A-Za-z0-9_-]*'),
    revoked_at INTEGER CHECK (revoked_at BETWEEN -62167219200000000 AND 253402300799999999),
    pepper_id TEXT NOT NULL CHECK (
        length(pepper_id) BETWEEN 1 AND 32 AND pepper_id NOT GLOB '*[^A-Za-z0-9_-]*'
    ),
    digest BLOB NOT NULL UNIQUE CHECK (length(digest) = 32)
) STRICT;

CREATE INDEX api_keys_of_organization ON api_keys (organization_id, id DESC);

-- No foreign keys: the log outlives what it is about, and also names what never existed.
CREATE TABLE audit_events (
    sequence INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at INTEGER NOT NULL CHECK (at BETWEEN -62167219200000000 AND 253402300799999999),
    action TEXT NOT NULL CHECK (length(action) BETWEEN 1 AND 64),
    outcome TEXT NOT NULL CHECK (outcome IN ('done', 'denied')),
    actor_kind TEXT NOT NULL CHECK (actor_kind IN ('api_key', 'user', 'operator')),
    actor_id TEXT,
    organization_id BLOB CHECK (length(organization_id) = 16),
    key_id BLOB CHECK (length(key_id) = 16),
    request_id TEXT NOT NULL CHECK (
        length(request_id) BETWEEN 1 AND 128 AND request_id NOT GLOB '*[^!-~]*'
    ),
    peer TEXT,
    CHECK ((actor_kind = 'operator') = (actor_id IS NULL))
) STRICT;

CREATE INDEX audit_events_of_organization ON audit_events (organization_id, sequence);
