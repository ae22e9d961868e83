-- oldest schema: 6
--
-- Which scopes there are is for the configuration to say: the table asks for the form of a name alone.
-- Nothing but the table's definition is written, and its triggers stay.

ALTER TABLE api_keys ADD CONSTRAINT scopes_are_names CHECK (
    scopes NOT GLOB '*[^a-z0-9_.:* -]*'
    -- Each begins with a letter, or is `*` and nothing else; between each two there is one space.
    AND ' ' || scopes || ' ' NOT GLOB '* [^a-z*]*'
    AND ' ' || scopes || ' ' NOT GLOB '*[^ ][*]*'
    AND ' ' || scopes || ' ' NOT GLOB '*[*][^ ]*'
);
