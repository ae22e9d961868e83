-- oldest schema: 6
--
-- Which scopes there are is for the configuration to say: the table asks for the form of a name alone.
-- The rows that are there have passed the narrower check, so they are not read again (NOT VALID): that
-- would keep everybody waiting for as long as it takes to read the table.

ALTER TABLE api_keys DROP CONSTRAINT api_keys_scopes_check;
ALTER TABLE api_keys ADD CONSTRAINT api_keys_scopes_check CHECK (
    cardinality(scopes) >= 1
    -- Each is one name, and none is NULL.
    AND scopes = string_to_array(array_to_string(scopes, ' '), ' ')
    AND array_to_string(scopes, ' ') ~ '^(\*|[a-z][a-z0-9_.:-]*)( (\*|[a-z][a-z0-9_.:-]*))*$'
) NOT VALID;
