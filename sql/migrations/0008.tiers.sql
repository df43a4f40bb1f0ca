-- depends: 0007.reparse
-- Vectors in tiers: a static model's as a load commits, the full model's behind it.

ALTER TABLE vectors.models ADD COLUMN tier text CHECK (tier IN ('static', 'full'));
UPDATE vectors.models SET tier = 'full';
COMMENT ON COLUMN vectors.models.tier IS 'NULL: a model that was asked for by its name';

-- Documents that lack the vectors of a model: of a tier, or of a model by its name. A turn takes
-- some for a while; who loses them by a crash leaves them to the next.
CREATE TABLE vectors.waiting (
    user_id uuid NOT NULL,
    model text NOT NULL,
    document_id bigint NOT NULL,
    taken_until timestamptz NOT NULL DEFAULT '-infinity',
    attempts smallint NOT NULL DEFAULT 0,
    PRIMARY KEY (user_id, model, document_id)
);
CREATE INDEX waiting_taken ON vectors.waiting (user_id, model, taken_until)
    WHERE taken_until > '-infinity';
DO $$ BEGIN PERFORM imports.isolate('vectors.waiting'); END $$;
CREATE POLICY rollback ON vectors.waiting TO datapunk_owner
    USING (user_id = (SELECT imports.current_user_id()));
-- The control plane sees that there is work, and whose; no content.
CREATE POLICY ledger ON vectors.waiting TO datapunk_ledger USING (true);
GRANT SELECT ON vectors.waiting TO datapunk_ledger, datapunk_reader;
GRANT SELECT, INSERT ON vectors.waiting TO datapunk_ingest;
GRANT UPDATE (taken_until, attempts) ON vectors.waiting TO datapunk_ingest;

DROP FUNCTION vectors.ensure_model(text, text, integer);
CREATE FUNCTION vectors.ensure_model(model_name text, model_revision text, model_dimension integer,
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

-- The index holds vectors in half precision: half the size at the same recall, measured; what it
-- finds is put in order by the whole vectors.
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
        'USING hnsw ((embedding::halfvec(%s)) halfvec_cosine_ops)', model, model, width);
    RETURN true;
END
$$;

-- Puts staged vectors in the place of what those documents had of the model, and takes them out of
-- the queue. A document that changed since its text was read (its row has another xmin than was
-- `seen`) gets none and waits on; one that is gone waits no more. Returns how many got theirs.
CREATE FUNCTION vectors.put(of_model integer, asked text, ids bigint[], types text[],
        ats timestamptz[], seen text[])
    RETURNS bigint
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    owner uuid := imports.current_user_id();
    same bigint[];
BEGIN
    -- The lock holds off a newer version, which would take the old one's vectors away, till we end.
    SELECT coalesce(array_agg(held.id), '{}') INTO same FROM (
        SELECT d.id FROM unnest(ids, types, ats, seen) AS k (id, data_type, at, xmin)
        JOIN user_data.documents AS d ON d.id = k.id AND d.data_type = k.data_type
            AND d.partition_at = k.at
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

-- A document that goes waits for nothing.
CREATE OR REPLACE FUNCTION user_data.no_more_found() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_data.search AS s USING changed AS c WHERE s.document_id = c.id;
    DELETE FROM vectors.waiting AS w USING changed AS c
        WHERE w.user_id = c.user_id AND w.document_id = c.id;
    RETURN NULL;
END
$$;

REVOKE EXECUTE ON FUNCTION vectors.ensure_model, vectors.put FROM PUBLIC;
GRANT EXECUTE ON FUNCTION vectors.ensure_model, vectors.put TO datapunk_ingest;
