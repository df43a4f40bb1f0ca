DROP FUNCTION vectors.put, vectors.ensure_model(text, text, integer, text);
DO $$
DECLARE
    model integer;
BEGIN
    FOR model IN SELECT id FROM vectors.models LOOP
        EXECUTE format('DROP INDEX IF EXISTS vectors.embeddings_m%s_hnsw', model);
    END LOOP;
END
$$;
CREATE OR REPLACE FUNCTION user_data.no_more_found() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_data.search AS s USING changed AS c WHERE s.document_id = c.id;
    RETURN NULL;
END
$$;
DROP TABLE vectors.waiting;
ALTER TABLE vectors.models DROP COLUMN tier;
CREATE FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    model integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.models'));
    SELECT id INTO model FROM vectors.models WHERE name = model_name AND revision = model_revision;
    IF model IS NULL THEN
        INSERT INTO vectors.models (name, revision, dimension)
            VALUES (model_name, model_revision, model_dimension) RETURNING id INTO model;
        PERFORM imports.attach_partition('vectors.embeddings', 'vectors', 'embeddings_m' || model,
            format('IN (%s)', model));
    END IF;
    RETURN model;
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
    IF width > 2000 OR to_regclass(format('vectors.embeddings_m%s_hnsw', model)) IS NOT NULL THEN
        RETURN false;  -- pgvector indexes at most 2,000 dimensions of type vector
    END IF;
    EXECUTE format('ANALYZE vectors.embeddings_m%s', model);
    SELECT reltuples INTO held FROM pg_class
        WHERE oid = format('vectors.embeddings_m%s', model)::regclass;
    IF held < at_least THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE INDEX embeddings_m%s_hnsw ON vectors.embeddings_m%s '
        'USING hnsw ((embedding::vector(%s)) vector_cosine_ops)', model, model, width);
    RETURN true;
END
$$;
REVOKE EXECUTE ON FUNCTION vectors.ensure_model FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vectors.ensure_model TO datapunk_ingest;
