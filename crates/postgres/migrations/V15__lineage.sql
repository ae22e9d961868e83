-- oldest schema: 6
-- Which key a key was made with, and revoking one together with all that were made with it.
--
-- What programs that know nothing of it make, and what is there, has nothing in the column. The index has a migration of its
-- own, so that keys are read while it is made.

ALTER TABLE api_keys ADD COLUMN created_by_key_id uuid;

-- A function, since each of its statements sees what was committed before it: whoever makes a key holds the organization's
-- row, which is locked first, so that what was being made is there when it is looked for. With the rights of who calls it.
--
-- Its plans are kept for as long as a session lasts, and may have been made while there were few keys.
CREATE FUNCTION revoke_lineage(of_organization uuid, root uuid, since timestamptz, at_most bigint) RETURNS SETOF api_keys
LANGUAGE plpgsql SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off
AS $$
BEGIN
    PERFORM FROM organizations WHERE id = of_organization FOR NO KEY UPDATE;
    RETURN QUERY
    WITH RECURSIVE made AS (
        SELECT k.id FROM api_keys k WHERE k.organization_id = of_organization AND k.id = root
        UNION
        -- A search for each, which OFFSET keeps from being a join of all with all; and by the maker alone, since whatever is
        -- known of how many keys an organization has may be of before they were made.
        SELECT child.id FROM made, LATERAL (
            SELECT k.id FROM api_keys k
            WHERE k.created_by_key_id = made.id AND k.organization_id IS NOT DISTINCT FROM of_organization OFFSET 0
        ) child
    ), target AS (
        -- Not IN, which is a join of all keys with all where nothing is known yet of how many there are.
        SELECT k.id FROM api_keys k WHERE k.id = ANY (ARRAY (SELECT made.id FROM made)) AND k.revoked_at IS NULL
        ORDER BY k.id <> root, k.id LIMIT at_most FOR NO KEY UPDATE
    )
    UPDATE api_keys k SET revoked_at = since
    WHERE k.id = ANY (ARRAY (SELECT target.id FROM target)) AND k.revoked_at IS NULL RETURNING k.*;
END
$$;

DO $$
BEGIN
    EXECUTE format('ALTER FUNCTION revoke_lineage(uuid, uuid, timestamptz, bigint) SET search_path = %I, pg_temp',
        current_schema());
END
$$;
