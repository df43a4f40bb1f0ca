-- depends: 0013.zone
-- Where more vectors wait than the index of their model holds, it goes: what follows comes in many
-- times as fast without it, and building it anew, when nothing waits any more, takes less time
-- than what it would have cost them. Whoever uses the table just now is not waited for.
CREATE FUNCTION vectors.make_way(of_model integer, asked text) RETURNS boolean
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    owner uuid := imports.current_user_id();
    held bigint;
    waiting bigint;
BEGIN
    IF to_regclass(format('vectors.embeddings_m%s_hnsw', of_model)) IS NULL THEN
        RETURN false;
    END IF;
    SELECT greatest(reltuples, 0) INTO held FROM pg_class
        WHERE oid = format('vectors.embeddings_m%s', of_model)::regclass;
    SELECT count(*) INTO waiting FROM (SELECT FROM vectors.waiting AS w
        WHERE w.user_id = owner AND w.model = asked LIMIT held + 1) AS queue;
    IF waiting <= held THEN
        RETURN false;
    END IF;
    PERFORM set_config('lock_timeout', '2s', true);
    EXECUTE format('DROP INDEX vectors.embeddings_m%s_hnsw', of_model);
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;
REVOKE EXECUTE ON FUNCTION vectors.make_way FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vectors.make_way TO datapunk_ingest;
