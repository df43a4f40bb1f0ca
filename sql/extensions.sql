-- What the lake can't do without. The administrator creates them; none is configured by users.
CREATE EXTENSION IF NOT EXISTS vector;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS hstore;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gin;

-- Row-level security keeps a condition from an index unless its operator is known to tell nothing of
-- the rows that it is asked about: with these two unmarked, each search for a word, or for one that
-- is spelled like it, reads every row of the user. The functions behind `@@` and `%` compare, and
-- raise nothing. Of conditions that are leakproof the cheapest is asked first, and that has to be the
-- policy's: else a plan tells, by whether the user was asked for at all, that a row of anybody's fits
-- the others. Only a superuser may say so; where the administrator is none, search is as right, and
-- slow in a large lake.
DO $$
BEGIN
    ALTER FUNCTION pg_catalog.ts_match_vq(tsvector, tsquery) LEAKPROOF;
    ALTER FUNCTION public.similarity_op(text, text) LEAKPROOF;
    ALTER FUNCTION pg_catalog.uuid_eq(uuid, uuid) COST 0.1;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'search by words can''t use its indexes: that takes a superuser';
END
$$;
