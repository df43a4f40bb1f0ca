-- depends: 0001.ledger
-- The lake: documents by data type and month, positions by month, vectors by model.

CREATE SEQUENCE user_data.document_id;

-- No foreign keys from here to the ledger: a check for each row would cost more than the load;
-- `datapunk verify` proves the same over the whole.
CREATE TABLE user_data.documents (
    id bigint NOT NULL DEFAULT nextval('user_data.document_id'),
    user_id uuid NOT NULL,
    data_type text NOT NULL,
    source text NOT NULL,
    record_type text NOT NULL,
    record_key uuid NOT NULL,
    partition_at timestamptz NOT NULL,
    source_timestamp timestamptz,
    title text,
    content text,
    content_type text NOT NULL,
    language text,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (id, data_type, partition_at),
    UNIQUE (user_id, data_type, record_key, partition_at)
) PARTITION BY LIST (data_type);

CREATE TABLE timeseries.locations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamptz NOT NULL,
    latitude double precision NOT NULL CHECK (latitude BETWEEN -90 AND 90),
    longitude double precision NOT NULL CHECK (longitude BETWEEN -180 AND 180),
    altitude_m double precision,
    accuracy_m double precision,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    PRIMARY KEY (user_id, at, record_key)
) PARTITION BY RANGE (at);

-- Makes one partition with forced row-level security, under the caller's lock. Built aside and
-- then attached, since ATTACH lets inserts into the parent go on and CREATE … PARTITION OF does not.
CREATE FUNCTION imports.attach_partition(parent regclass, child_schema text, child text, bounds text)
    RETURNS void LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        child_schema, child, parent);
    PERFORM imports.isolate(format('%I.%I', child_schema, child)::regclass);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES %s',
        parent, child_schema, child, bounds);
END
$$;

-- Month partitions that don't exist yet; NULL in `months` is no month. Bounds are in UTC.
CREATE FUNCTION imports.ensure_months(parent regclass, child_schema text, prefix text, months date[])
    RETURNS integer LANGUAGE plpgsql
    AS $$
DECLARE
    month date;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.partitions'), parent::oid::integer);
    FOREACH month IN ARRAY months LOOP
        CONTINUE WHEN month < date '1900-01-01' OR month >= date '2101-01-01';
        month := date_trunc('month', month::timestamp)::date;
        child := prefix || to_char(month, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(format('%I.%I', child_schema, child)) IS NOT NULL;
        PERFORM imports.attach_partition(parent, child_schema, child, format(
            'FROM (%L) TO (%L)', month::text || ' 00:00:00+00',
            (month + interval '1 month')::date::text || ' 00:00:00+00'));
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

CREATE FUNCTION user_data.ensure_partitions(type text, months date[])
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF type NOT IN ('structured', 'email', 'media', 'document', 'location', 'browser', 'activity') THEN
        RAISE EXCEPTION 'no data type of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('user_data.documents_%s', type)::regclass,
        'user_data', 'documents_' || type, months);
END
$$;

CREATE FUNCTION timeseries.ensure_partitions(months date[])
    RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.ensure_months('timeseries.locations', 'timeseries', 'locations', months) $$;

-- Statistics of what a job touched; ANALYZE needs the owner.
CREATE FUNCTION imports.analyze_month(parent regclass, month date)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    child regclass;
BEGIN
    IF parent::text !~ '^(user_data\.documents_[a-z]+|timeseries\.locations)$' THEN
        RAISE EXCEPTION 'not a partitioned table of the lake' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    child := to_regclass(parent::text || CASE WHEN month < date '1900-01-01' THEN '_undated'
        ELSE to_char(month, '"_y"YYYY"m"MM') END);
    IF child IS NOT NULL THEN
        EXECUTE format('ANALYZE %s', child);
    END IF;
END
$$;

DO $$
DECLARE
    type text;
BEGIN
    FOREACH type IN ARRAY ARRAY['structured', 'email', 'media', 'document', 'location', 'browser', 'activity'] LOOP
        EXECUTE format('CREATE TABLE user_data.%I PARTITION OF user_data.documents '
            'FOR VALUES IN (%L) PARTITION BY RANGE (partition_at)', 'documents_' || type, type);
        PERFORM imports.isolate(format('user_data.documents_%s', type)::regclass);
        PERFORM imports.attach_partition(format('user_data.documents_%s', type)::regclass,
            'user_data', 'documents_' || type || '_undated',
            'FROM (MINVALUE) TO (''1900-01-01 00:00:00+00'')');
    END LOOP;
    PERFORM imports.attach_partition('timeseries.locations', 'timeseries', 'locations_undated',
        'FROM (MINVALUE) TO (''1900-01-01 00:00:00+00'')');
END
$$;

CREATE TABLE vectors.models (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    revision text NOT NULL,
    dimension integer NOT NULL CHECK (dimension BETWEEN 1 AND 16000),
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (name, revision)
);

-- One partition a model, so that each has its own dimension and its own HNSW index. A long text
-- has several pieces; each names the characters [piece_start, piece_end) of the embedded text.
CREATE TABLE vectors.embeddings (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    model_id integer NOT NULL REFERENCES vectors.models,
    piece smallint NOT NULL DEFAULT 0,
    piece_start integer NOT NULL DEFAULT 0,
    piece_end integer NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (model_id, document_id, piece)
) PARTITION BY LIST (model_id);

-- A text is embedded once for a user and a model. By user, so that a hit tells nobody anything.
CREATE TABLE vectors.cache (
    user_id uuid NOT NULL,
    model_id integer NOT NULL REFERENCES vectors.models,
    text_hash uuid NOT NULL,
    embedding vector NOT NULL,
    PRIMARY KEY (user_id, model_id, text_hash)
);

DO $$ BEGIN PERFORM imports.isolate(t) FROM unnest(ARRAY[
    'user_data.documents', 'timeseries.locations', 'vectors.embeddings', 'vectors.cache'
]::regclass[]) AS t; END $$;

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

-- Builds the model's HNSW index if it is missing and there are rows enough to need one. Below
-- that an exact scan is as fast, and rows load without the index in their way.
CREATE FUNCTION vectors.ensure_index(model integer, at_least bigint)
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

REVOKE EXECUTE ON FUNCTION imports.isolate, imports.attach_partition, imports.ensure_months,
    imports.analyze_month, user_data.ensure_partitions, timeseries.ensure_partitions,
    vectors.ensure_model, vectors.ensure_index FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.analyze_month, user_data.ensure_partitions,
    timeseries.ensure_partitions, vectors.ensure_model, vectors.ensure_index TO datapunk_ingest;

-- On parents only: nothing is granted on a partition.
GRANT SELECT, INSERT ON user_data.documents, timeseries.locations, vectors.embeddings,
    vectors.cache TO datapunk_ingest;
GRANT USAGE ON SEQUENCE user_data.document_id TO datapunk_ingest;
GRANT SELECT ON vectors.models TO datapunk_ingest, datapunk_reader, datapunk_ledger;
GRANT USAGE ON SCHEMA vectors TO datapunk_ledger;
GRANT SELECT ON user_data.documents, timeseries.locations, vectors.embeddings, vectors.cache
    TO datapunk_reader;
