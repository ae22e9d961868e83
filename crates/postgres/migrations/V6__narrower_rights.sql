-- What the service's role could do and never has to.

-- A revoked key stays revoked, since when it was: whoever does not own the table, and is no member of
-- the role that does, cannot change that. The owner can, for repairs.
CREATE FUNCTION keep_revoked() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF pg_has_role(current_user, (SELECT relowner FROM pg_catalog.pg_class WHERE oid = TG_RELID), 'MEMBER') THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a revoked key stays revoked' USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER api_keys_stay_revoked BEFORE UPDATE OF revoked_at ON api_keys FOR EACH ROW
WHEN (OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at)
EXECUTE FUNCTION keep_revoked();
