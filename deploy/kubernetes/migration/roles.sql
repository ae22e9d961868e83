-- Two roles for capykeys: one that serves, with the least that serving needs, and one that owns the
-- tables and migrates them.
--
-- To be run by a role that may create roles, in the database of capykeys, with its schema first in
-- the search path: once before the first `capykeys migrate`, and again after every one. Running it
-- again changes nothing and tightens what was granted by hand.
--
--     psql -v ON_ERROR_STOP=1 -f roles.sql capykeys
--
-- Neither role has a password: set one (\password capykeys_service), or use certificates or the
-- like, as pg_hba.conf has it.

BEGIN;

DO $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capykeys_migrations') THEN
        CREATE ROLE capykeys_migrations LOGIN;
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'capykeys_service') THEN
        CREATE ROLE capykeys_service LOGIN;
    END IF;
END
$$;

-- The service gives up on a statement after less than a second. These limits end what it gave up
-- on, so that nothing is left waiting for a lock in the server.
ALTER ROLE capykeys_service SET statement_timeout = '2s';
ALTER ROLE capykeys_service SET lock_timeout = '2s';
-- What the change feed needs, whatever the database's default is.
ALTER ROLE capykeys_service SET default_transaction_isolation = 'read committed';
ALTER ROLE capykeys_service SET idle_in_transaction_session_timeout = '2s';

DO $$
BEGIN
    EXECUTE format('GRANT USAGE, CREATE ON SCHEMA %I TO capykeys_migrations', current_schema());
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO capykeys_service', current_schema());
    -- PostgreSQL 14, and databases that were upgraded from it, let everybody make tables.
    EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC, capykeys_service', current_schema());

    -- Before the first migration there is nothing to grant yet.
    IF to_regclass('refinery_schema_history') IS NOT NULL THEN
        REVOKE ALL ON refinery_schema_history FROM capykeys_service;
        GRANT SELECT ON refinery_schema_history TO capykeys_service;
    END IF;

    IF to_regclass('capykeys_schema') IS NOT NULL THEN
        REVOKE ALL ON capykeys_schema FROM capykeys_service;
        GRANT SELECT ON capykeys_schema TO capykeys_service;
    END IF;

    IF to_regclass('api_keys') IS NOT NULL THEN
        REVOKE ALL ON organizations, api_keys, audit_events FROM capykeys_service;
        -- No DELETE of these, and of a row only what changes in its life: a key's organization
        -- does not.
        GRANT SELECT, INSERT ON organizations, api_keys TO capykeys_service;
        GRANT UPDATE (name, slug, clerk_organization_slug, suspended_at, suspended_reason, updated_at)
            ON organizations TO capykeys_service;
        GRANT UPDATE (name, scopes, device_name, expires_at, revoked_at, last_used_at, pepper_id, digest)
            ON api_keys TO capykeys_service;
        -- The audit log can be added to, and nothing in it can be changed.
        -- Nor is its order: the numbers are the database's own.
        GRANT SELECT ON audit_events TO capykeys_service;
        GRANT INSERT (at, action, outcome, actor_kind, actor_id, organization_id, key_id, request_id, peer,
            occurrences) ON audit_events TO capykeys_service;
        REVOKE ALL ON SEQUENCE audit_events_sequence_seq FROM capykeys_service;
        GRANT SELECT ON SEQUENCE audit_events_sequence_seq TO capykeys_service;
    END IF;

    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('api_keys') AND attname = 'disabled_at') THEN
        GRANT UPDATE (disabled_at, disabled_reason) ON api_keys TO capykeys_service;
    END IF;

    IF EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass('api_keys') AND attname = 'rotated_at') THEN
        GRANT UPDATE (key_prefix, rotated_at, previous_key_prefix, previous_expires_at, previous_last_used_at,
            finish_when_idle, previous_pepper_id, previous_digest) ON api_keys TO capykeys_service;
    END IF;

    IF to_regclass('idempotency_keys') IS NOT NULL THEN
        REVOKE ALL ON idempotency_keys FROM capykeys_service;
        GRANT SELECT, INSERT, UPDATE, DELETE ON idempotency_keys TO capykeys_service;
    END IF;
    IF EXISTS (
        SELECT FROM pg_attribute WHERE attrelid = to_regclass('api_keys') AND attname = 'expiry_noticed_until'
    ) THEN
        GRANT UPDATE (expiry_noticed_until) ON api_keys TO capykeys_service;
    END IF;

    IF to_regclass('audit_retention') IS NOT NULL THEN
        -- Both are written by triggers.
        REVOKE ALL ON audit_retention, audit_lines FROM capykeys_service;
        GRANT SELECT ON audit_retention, audit_lines TO capykeys_service;
        GRANT INSERT (project_id, target_organization_id, details) ON audit_events TO capykeys_service;
    END IF;

    IF to_regprocedure('expire_audit_events(timestamptz, bigint)') IS NOT NULL THEN
        -- The oldest may go, where the operator has set for how long they are kept.
        GRANT EXECUTE ON FUNCTION expire_audit_events(timestamptz, bigint) TO capykeys_service;
    END IF;

    IF to_regprocedure('revoke_lineage(uuid, uuid, timestamptz, bigint)') IS NOT NULL THEN
        GRANT EXECUTE ON FUNCTION revoke_lineage(uuid, uuid, timestamptz, bigint) TO capykeys_service;
    END IF;

    IF to_regclass('replicas') IS NOT NULL THEN
        REVOKE ALL ON history_lines, replicas FROM capykeys_service;
        -- Lines are begun and never changed.
        GRANT SELECT, INSERT ON history_lines TO capykeys_service;
        GRANT SELECT, INSERT, UPDATE, DELETE ON replicas TO capykeys_service;
    END IF;

    IF to_regclass('peppers') IS NOT NULL THEN
        REVOKE ALL ON peppers FROM capykeys_service;
        GRANT SELECT, INSERT, UPDATE (turn) ON peppers TO capykeys_service;
    END IF;

    IF to_regclass('brought_secrets') IS NOT NULL THEN
        -- Written by a trigger.
        REVOKE ALL ON brought_secrets FROM capykeys_service;
        GRANT SELECT ON brought_secrets TO capykeys_service;
    END IF;

    IF to_regclass('changes') IS NOT NULL THEN
        -- The feed is written by triggers, with the rights of the tables' owner.
        REVOKE ALL ON changes FROM capykeys_service;
        GRANT SELECT ON changes TO capykeys_service;
    END IF;
END
$$;

COMMIT;
