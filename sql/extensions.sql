-- What the lake can't do without. The administrator creates them; none is configured by users.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Row-level security keeps a condition from an index unless its operator is known to tell nothing of
-- the rows that it is asked about: with `@@` unmarked, each search for a word reads every row of the
-- user. The function behind it compares and raises nothing. Only a superuser may say so; where the
-- administrator is none, search by words is as right, and slow in a large lake.
DO $$
BEGIN
    ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'search by words can''t use its index: this takes a superuser';
END
$$;
