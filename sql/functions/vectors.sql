-- Functions of vectors: models, their indexes, and what a turn of the backfill stores.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Build the model's HNSW index if it is missing and there are enough rows. Below that an exact scan
-- is as fast, and rows load without an index to update.
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

-- Return the id of a model. A new one gets a partition of vectors.embeddings.
CREATE OR REPLACE FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer,
        model_tier text)
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    model integer;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.models'));
    SELECT id INTO model FROM vectors.models WHERE name = model_name AND revision = model_revision;
    IF model IS NULL THEN
        INSERT INTO vectors.models (name, revision, dimension, tier)
            VALUES (model_name, model_revision, model_dimension, model_tier)
            RETURNING id INTO model;
        PERFORM imports.attach_partition('vectors.embeddings', 'vectors', 'embeddings_m' || model,
            format('IN (%s)', model));
    END IF;
    RETURN model;
END
$$;

-- Replace the documents' vectors of a model by the staged ones, and remove the documents from the
-- queue. A document that changed since its text was read (the xmin of its row is not `seen`) gets
-- none and waits on. A deleted one waits no longer. Return the number of documents with new
-- vectors.
CREATE OR REPLACE FUNCTION vectors.put(of_model integer, asked text, ids bigint[], types text[],
        ats timestamptz[], seen text[])
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    owner uuid := imports.current_user_id();
    same bigint[];
BEGIN
    -- The lock keeps out a newer version, which would delete the vectors, until the transaction
    -- ends.
    SELECT coalesce(array_agg(held.id), '{}') INTO same FROM (
        SELECT d.id FROM unnest(ids, types, ats, seen) AS k (id, data_type, at, xmin)
        JOIN user_data.search AS f ON f.document_id = k.id AND f.user_id = owner
        JOIN user_data.documents AS d ON d.id = k.id AND d.data_type = k.data_type
            AND d.record_key = f.record_key AND d.partition_at = k.at
        WHERE d.user_id = owner AND d.xmin::text = k.xmin
        ORDER BY d.id FOR SHARE OF d) AS held;
    DELETE FROM vectors.embeddings AS e
        WHERE e.model_id = of_model AND e.document_id = ANY(same) AND e.user_id = owner;
    INSERT INTO vectors.embeddings
            (document_id, user_id, model_id, piece, piece_start, piece_end, embedding)
        SELECT s.document_id, owner, of_model, s.piece, s.piece_start, s.piece_end, s.embedding
        FROM pg_temp.stage_pieces AS s WHERE s.document_id = ANY(same);
    DELETE FROM vectors.waiting AS w
        WHERE w.user_id = owner AND w.model = asked AND w.document_id = ANY(same);
    UPDATE vectors.waiting AS w SET taken_until = '-infinity', attempts = 0
        WHERE w.user_id = owner AND w.model = asked AND w.document_id = ANY(ids);
    RETURN cardinality(same);
END
$$;

-- Drop the index of a model if more vectors wait than it holds. They load many times as fast
-- without it, and to build it anew, when nothing waits, takes less time than to update it. Gives up
-- if the table's lock is not available within 2 s.
CREATE OR REPLACE FUNCTION vectors.make_way(of_model integer, asked text) RETURNS boolean
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

REVOKE EXECUTE ON FUNCTION
    vectors.ensure_index(integer,bigint),
    vectors.ensure_model(text,text,integer,text),
    vectors.make_way(integer,text),
    vectors.put(integer,text,bigint[],text[],timestamp with time zone[],text[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    vectors.ensure_index(integer,bigint),
    vectors.ensure_model(text,text,integer,text),
    vectors.make_way(integer,text),
    vectors.put(integer,text,bigint[],text[],timestamp with time zone[],text[])
    TO datapunk_ingest;
