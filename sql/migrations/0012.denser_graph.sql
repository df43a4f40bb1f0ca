-- depends: 0011.search_at_scale
-- A denser graph of vectors: with 64 candidates for each vector's neighbours, no way led to some
-- that were among the nearest, however long a search went on. Building takes twice as long with
-- 200. Indexes that are there are built again when a job ends next.
DO $$
DECLARE
    model integer;
BEGIN
    FOR model IN SELECT id FROM vectors.models LOOP
        EXECUTE format('DROP INDEX IF EXISTS vectors.embeddings_m%s_hnsw', model);
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION vectors.ensure_index(model integer, at_least bigint)
    RETURNS boolean LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    width integer;
    held real;
BEGIN
    SELECT dimension INTO STRICT width FROM vectors.models WHERE id = model;
    IF width > 4000 OR to_regclass(format('vectors.embeddings_m%s_hnsw', model)) IS NOT NULL THEN
        RETURN false;  -- pgvector indexes at most 4,000 dimensions of type halfvec
    END IF;
    EXECUTE format('ANALYZE vectors.embeddings_m%s', model);
    SELECT reltuples INTO held FROM pg_class
        WHERE oid = format('vectors.embeddings_m%s', model)::regclass;
    IF held < at_least THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX embeddings_m%s_hnsw ON vectors.embeddings_m%s '
        'USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops) '
        'WITH (m = 24, ef_construction = 200)', model, model, width);
    RETURN true;
END
$$;
