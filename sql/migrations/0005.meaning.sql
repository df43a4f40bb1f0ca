-- depends: 0004.sets 0004.audit 0004.isolation
-- What records mean together: measured series, versions, who and what stands in them.

-- When the export was made, where its name says so: which of two versions is the newer one.
ALTER TABLE imports.jobs ADD COLUMN exported_at timestamptz;

ALTER TABLE user_data.documents
    ADD COLUMN content_hash uuid,      -- of everything but source and language; NULL: not known
    ADD COLUMN parser_version integer NOT NULL DEFAULT 1;

-- Versions of documents that a later export replaced, whole. One row of the lake each, as the
-- documents themselves are: the receipt of their job still counts them.
CREATE TABLE user_data.versions (
    LIKE user_data.documents INCLUDING DEFAULTS,
    superseded_at timestamptz NOT NULL DEFAULT now(),
    superseded_by uuid NOT NULL,       -- the job whose export is newer
    version_id bigint GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (version_id, user_id)
);
CREATE INDEX versions_by_key ON user_data.versions (user_id, record_key);
CREATE INDEX versions_by_job ON user_data.versions (job_id);

CREATE TABLE timeseries.metrics (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    at timestamptz NOT NULL,
    until timestamptz,
    name text NOT NULL,
    value double precision NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    metadata jsonb NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint NOT NULL,
    chunk_id bigint NOT NULL,
    PRIMARY KEY (user_id, at, record_key)
) PARTITION BY RANGE (at);
DO $$ BEGIN  -- a SELECT would be printed
    PERFORM imports.attach_partition('timeseries.metrics', 'timeseries', 'metrics_undated',
        'FROM (MINVALUE) TO (''1900-01-01 00:00:00+00'')');
END $$;

DROP FUNCTION timeseries.ensure_partitions(date[]);
CREATE FUNCTION timeseries.ensure_partitions(series text, months date[])
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF series NOT IN ('locations', 'metrics') THEN
        RAISE EXCEPTION 'no series of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('timeseries.%s', series)::regclass, 'timeseries', series,
        months);
END
$$;
REVOKE EXECUTE ON FUNCTION timeseries.ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION timeseries.ensure_partitions TO datapunk_ingest;

CREATE OR REPLACE FUNCTION imports.analyze_month(parent regclass, month date)
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    child regclass;
BEGIN
    IF parent::text !~ '^(user_data\.documents_[a-z]+|timeseries\.(locations|metrics))$' THEN
        RAISE EXCEPTION 'not a partitioned table of the lake' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    child := to_regclass(parent::text || CASE WHEN month < date '1900-01-01' THEN '_undated'
        ELSE to_char(month, '"_y"YYYY"m"MM') END);
    IF child IS NOT NULL THEN
        EXECUTE format('ANALYZE %s', child);
    END IF;
END
$$;

-- Who and what stands in records. `entity_key` is made of the kind and the value, so nothing has
-- to be looked up; `value` is an address, a phone number, a handle with its service, a name.
CREATE TABLE user_data.entities (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    name text,
    PRIMARY KEY (user_id, entity_key)
);
CREATE TABLE user_data.mentions (
    user_id uuid NOT NULL,
    entity_key uuid NOT NULL,
    record_key uuid NOT NULL,
    role text NOT NULL,
    PRIMARY KEY (user_id, entity_key, record_key, role)
);
CREATE INDEX mentions_by_record ON user_data.mentions (user_id, record_key);
-- From one record to another by its key; the other need not be here (yet).
CREATE TABLE user_data.relations (
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    relation text NOT NULL,
    other_key uuid NOT NULL,
    PRIMARY KEY (user_id, record_key, relation, other_key)
);
CREATE INDEX relations_by_other ON user_data.relations (user_id, other_key);

-- Fields that a format does not know, seen in a job: an export that changed shows here first.
CREATE TABLE imports.drift (
    job_id uuid NOT NULL,
    user_id uuid NOT NULL,
    format text NOT NULL,
    field text NOT NULL,
    records bigint NOT NULL,
    first_file_id bigint NOT NULL,
    PRIMARY KEY (job_id, format, field, user_id),
    FOREIGN KEY (job_id, user_id) REFERENCES imports.jobs (id, user_id)
);

-- One document may have come in two files of one job too: both are noted.
ALTER TABLE imports.claims DROP CONSTRAINT claims_pkey,
    ADD PRIMARY KEY (user_id, data_type, record_key, at, job_id, chunk_id, file_id);

DO $$
DECLARE
    target text;
BEGIN
    PERFORM imports.isolate(t) FROM unnest(ARRAY['user_data.versions', 'timeseries.metrics',
        'user_data.entities', 'user_data.mentions', 'user_data.relations', 'imports.drift'
        ]::regclass[]) AS t;
    FOREACH target IN ARRAY ARRAY['user_data.versions', 'timeseries.metrics',
        'user_data.mentions', 'user_data.relations'] LOOP
        EXECUTE format('CREATE POLICY rollback ON %s TO datapunk_owner '
            'USING (user_id = (SELECT imports.current_user_id())) '
            'WITH CHECK (user_id = (SELECT imports.current_user_id()))', target);
    END LOOP;
END
$$;
GRANT SELECT, INSERT ON user_data.entities, user_data.mentions, user_data.relations,
    timeseries.metrics TO datapunk_ingest;
GRANT INSERT (content_hash, parser_version) ON user_data.documents TO datapunk_ingest;
GRANT UPDATE (name) ON user_data.entities TO datapunk_ingest;
GRANT SELECT ON user_data.versions TO datapunk_ingest, datapunk_reader;
GRANT SELECT, INSERT, UPDATE ON imports.drift TO datapunk_ingest;
GRANT SELECT ON user_data.entities, user_data.mentions, user_data.relations,
    timeseries.metrics, imports.drift TO datapunk_reader;

-- The key of the nth of equal records of one file; the first has the key itself.
CREATE FUNCTION user_data.occurrence_key(key uuid, nth integer) RETURNS uuid
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT CASE WHEN nth = 1 THEN key ELSE md5(key::text || '#' || nth)::uuid END $$;

-- Whether another chunk of a file has given a document of that key.
CREATE FUNCTION user_data.given_elsewhere(type text, key uuid, at timestamptz, file bigint,
    chunk bigint) RETURNS boolean LANGUAGE sql STABLE
    AS $$
SELECT EXISTS (SELECT FROM user_data.documents AS d
        WHERE d.user_id = imports.current_user_id() AND d.data_type = type
          AND d.record_key = key AND d.partition_at = at AND d.file_id = file
          AND d.chunk_id <> chunk)
    OR EXISTS (SELECT FROM imports.claims AS c
        WHERE c.user_id = imports.current_user_id() AND c.data_type = type
          AND c.record_key = key AND c.at = given_elsewhere.at AND c.file_id = file
          AND c.chunk_id <> chunk)
$$;

-- True repeats: of equal records of one file each is a fact of its own, and the chunks of the file
-- don't know of each other. Gives the staged rows the numbers that come after those which other
-- chunks have given; the caller holds the file. Returns the keys that changed.
CREATE FUNCTION user_data.number_repeats(chunk bigint, file_ids bigint[])
    RETURNS TABLE (old uuid, new uuid) LANGUAGE plpgsql AS $$
DECLARE
    repeated record;
    n integer;
BEGIN
    FOR repeated IN
        SELECT DISTINCT s.data_type, s.base_key AS base, s.partition_at AS at,
            file_ids[s.slot + 1] AS file
        FROM pg_temp.stage_documents AS s
        WHERE user_data.given_elsewhere(s.data_type, s.base_key, s.partition_at,
            file_ids[s.slot + 1], chunk)
    LOOP
        n := 1;
        WHILE user_data.given_elsewhere(repeated.data_type,
            user_data.occurrence_key(repeated.base, n + 1), repeated.at, repeated.file, chunk)
        LOOP
            n := n + 1;
        END LOOP;
        RETURN QUERY
            WITH moved AS (
                SELECT s.record_key AS was,
                    user_data.occurrence_key(s.base_key, s.nth + n) AS becomes
                FROM pg_temp.stage_documents AS s
                WHERE s.base_key = repeated.base AND s.data_type = repeated.data_type
                  AND s.partition_at = repeated.at AND file_ids[s.slot + 1] = repeated.file),
            renamed AS (
                UPDATE pg_temp.stage_documents AS s SET record_key = m.becomes
                FROM moved AS m WHERE s.record_key = m.was AND s.base_key = repeated.base
                RETURNING m.was, m.becomes)
            SELECT was, becomes FROM renamed;
    END LOOP;
END
$$;

-- Takes in versions that differ from what the lake has of the same record, from the staged rows
-- of a load. The newer export's version becomes the document, and the other is kept in versions;
-- vectors and mentions of what was replaced go. A record that differs within one job, or between
-- two formats, is the same fact seen twice, and no version. Returns the staged rows that were
-- taken in, and which of them are documents now.
CREATE FUNCTION user_data.supersede(job uuid, chunk bigint, version integer, file_ids bigint[])
    RETURNS TABLE (key uuid, file bigint, current boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    made timestamptz;
BEGIN
    SELECT coalesce(j.exported_at, j.created_at) INTO STRICT made FROM imports.jobs AS j
        WHERE j.id = job;
    -- Two jobs with other versions of one record take turns.
    PERFORM FROM pg_temp.stage_documents AS s
        JOIN user_data.documents AS d ON d.user_id = imports.current_user_id()
            AND d.data_type = s.data_type AND d.record_key = s.record_key
            AND d.partition_at = s.partition_at
        WHERE d.job_id <> job AND d.source = s.source AND d.content_hash <> s.content_hash
        ORDER BY d.record_key FOR UPDATE OF d;
    CREATE TEMPORARY TABLE changed ON COMMIT DROP AS
        SELECT s.*, d.id, d.user_id, coalesce(j.exported_at, j.created_at) <= made AS newer
        FROM pg_temp.stage_documents AS s
        JOIN user_data.documents AS d ON d.user_id = imports.current_user_id()
            AND d.data_type = s.data_type AND d.record_key = s.record_key
            AND d.partition_at = s.partition_at
        JOIN imports.jobs AS j ON j.id = d.job_id
        WHERE d.job_id <> job AND d.source = s.source AND d.content_hash <> s.content_hash
          AND NOT EXISTS (SELECT FROM user_data.versions AS v
              WHERE v.user_id = d.user_id AND v.record_key = s.record_key
                AND v.content_hash = s.content_hash);
    INSERT INTO user_data.versions
        SELECT d.*, now(), job FROM user_data.documents AS d JOIN changed AS c
            ON d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
        WHERE c.newer;
    INSERT INTO user_data.versions (id, user_id, data_type, source, record_type, record_key,
            partition_at, source_timestamp, title, content, content_type, language, metadata,
            job_id, file_id, chunk_id, content_hash, parser_version, superseded_by)
        SELECT c.id, c.user_id, c.data_type, c.source, c.record_type, c.record_key,
            c.partition_at, c.source_timestamp, c.title, c.content, c.content_type, c.language,
            c.metadata, job, file_ids[c.slot + 1], chunk, c.content_hash, version, d.job_id
        FROM changed AS c JOIN user_data.documents AS d
            ON d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
        WHERE NOT c.newer;
    DELETE FROM vectors.embeddings AS e USING changed AS c
        WHERE e.document_id = c.id AND c.newer;
    DELETE FROM user_data.mentions AS m USING changed AS c
        WHERE m.user_id = c.user_id AND m.record_key = c.record_key AND c.newer;
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.record_key = c.record_key AND c.newer;
    UPDATE user_data.documents AS d SET source_timestamp = c.source_timestamp, title = c.title,
            content = c.content, content_type = c.content_type, language = c.language,
            metadata = c.metadata, job_id = job, file_id = file_ids[c.slot + 1],
            chunk_id = chunk, content_hash = c.content_hash, parser_version = version,
            created_at = now()
        FROM changed AS c
        WHERE d.id = c.id AND d.data_type = c.data_type AND d.partition_at = c.partition_at
          AND c.newer;
    RETURN QUERY SELECT c.record_key, file_ids[c.slot + 1], c.newer FROM changed AS c;
    DROP TABLE changed;
END
$$;
REVOKE EXECUTE ON FUNCTION user_data.supersede FROM PUBLIC;
GRANT EXECUTE ON FUNCTION user_data.supersede TO datapunk_ingest;

-- Takes rows of a job back: those in the caller's table `leaving` (data_type, record_key, at,
-- version_id; the types of series are "locations" and "metrics", version_id is that of an older
-- version). What another file also had is its row from now on; where the job's version had replaced
-- another one, that one stands again. Returns the numbers; the caller holds the lake alone.
CREATE FUNCTION imports.let_go(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, metrics bigint, vectors bigint,
        handed_on bigint, restored bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    moved record;
    old bigint;
BEGIN
    -- A chunk that is not done left out what stood here: it must look again, from its beginning.
    -- Who is at work on it is fenced out. None can become done meanwhile: that takes the lake.
    CREATE TEMPORARY TABLE half_way ON COMMIT DROP AS
        SELECT DISTINCT k.id FROM imports.chunks AS k JOIN imports.claims AS c ON c.chunk_id = k.id
        JOIN pg_temp.leaving AS r ON c.data_type = r.data_type AND c.record_key = r.record_key
            AND c.at = r.at
        WHERE k.status <> 'done' AND k.job_id <> target AND c.user_id = imports.current_user_id();
    UPDATE imports.chunks SET stage = 'normalise', artefacts = '{}', tally = '{}',
            status = CASE status WHEN 'dead' THEN 'dead' ELSE 'ready' END, attempt = 0,
            token = NULL, leased_by = NULL, lease_expires = NULL, enqueued_at = NULL
        WHERE id IN (SELECT id FROM half_way);
    DELETE FROM imports.claims WHERE chunk_id IN (SELECT id FROM half_way);

    -- The version that stood before the job's own, unless a later job had the job's own too.
    CREATE TEMPORARY TABLE before ON COMMIT DROP AS
        SELECT DISTINCT ON (v.record_key) v.*
        FROM pg_temp.leaving AS r
        JOIN user_data.versions AS v ON v.user_id = imports.current_user_id()
            AND v.record_key = r.record_key
        JOIN user_data.documents AS d ON d.id = v.id AND d.data_type = v.data_type
            AND d.partition_at = v.partition_at
        JOIN imports.jobs AS own ON own.id = target
        WHERE r.version_id IS NULL AND d.job_id = target AND v.job_id <> target AND NOT EXISTS (
            SELECT FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = v.user_id AND c.data_type = v.data_type
              AND c.record_key = v.record_key AND c.at = v.partition_at
              AND j.created_at >= own.created_at)
        ORDER BY v.record_key, v.version_id DESC;
    SELECT count(*) INTO restored FROM before;
    DELETE FROM user_data.versions AS v WHERE v.version_id IN (SELECT version_id FROM before);
    DELETE FROM vectors.embeddings AS e USING before AS b WHERE e.document_id = b.id;
    GET DIAGNOSTICS vectors = ROW_COUNT;
    UPDATE user_data.documents AS d SET source_timestamp = b.source_timestamp, title = b.title,
            content = b.content, content_type = b.content_type, language = b.language,
            metadata = b.metadata, job_id = b.job_id, file_id = b.file_id, chunk_id = b.chunk_id,
            content_hash = b.content_hash, parser_version = b.parser_version,
            created_at = b.created_at
        FROM before AS b
        WHERE d.id = b.id AND d.data_type = b.data_type AND d.partition_at = b.partition_at;
    DELETE FROM user_data.versions AS v USING pg_temp.leaving AS r
        WHERE v.version_id = r.version_id AND v.job_id = target;
    GET DIAGNOSTICS old = ROW_COUNT;

    CREATE TEMPORARY TABLE rest ON COMMIT DROP AS
        SELECT r.data_type, r.record_key, r.at FROM pg_temp.leaving AS r
        LEFT JOIN before AS b ON b.record_key = r.record_key AND b.data_type = r.data_type
        WHERE r.version_id IS NULL AND b.record_key IS NULL;
    CREATE TEMPORARY TABLE heirs ON COMMIT DROP AS
        SELECT h.* FROM rest AS r CROSS JOIN LATERAL (
            SELECT c.* FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = imports.current_user_id() AND c.data_type = r.data_type
              AND c.record_key = r.record_key AND c.at = r.at
            ORDER BY j.created_at, j.id, c.chunk_id, c.file_id LIMIT 1) AS h;
    SELECT count(*) INTO handed_on FROM heirs;
    UPDATE user_data.documents AS d
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE d.user_id = h.user_id AND d.job_id = target AND d.data_type = h.data_type
          AND d.record_key = h.record_key AND d.partition_at = h.at;
    UPDATE timeseries.locations AS l
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE l.user_id = h.user_id AND l.job_id = target AND h.data_type = 'locations'
          AND l.record_key = h.record_key AND l.at = h.at;
    UPDATE timeseries.metrics AS m
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE m.user_id = h.user_id AND m.job_id = target AND h.data_type = 'metrics'
          AND m.record_key = h.record_key AND m.at = h.at;
    DELETE FROM imports.claims AS c USING heirs AS h
        WHERE c.user_id = h.user_id AND c.data_type = h.data_type AND c.record_key = h.record_key
          AND c.at = h.at AND c.job_id = h.job_id AND c.chunk_id = h.chunk_id
          AND c.file_id = h.file_id;
    FOR moved IN SELECT h.job_id, h.file_id, h.chunk_id, count(*) AS n
            FROM heirs AS h GROUP BY 1, 2, 3 LOOP
        PERFORM imports.count_again(moved.job_id, moved.file_id, moved.chunk_id,
            jsonb_build_object('loaded', moved.n, 'duplicate', -moved.n));
    END LOOP;
    DELETE FROM rest AS r USING heirs AS h
        WHERE h.data_type = r.data_type AND h.record_key = r.record_key AND h.at = r.at;

    DELETE FROM user_data.mentions AS m USING rest AS r
        WHERE m.user_id = imports.current_user_id() AND m.record_key = r.record_key;
    DELETE FROM user_data.relations AS x USING rest AS r
        WHERE x.user_id = imports.current_user_id() AND x.record_key = r.record_key;
    WITH gone AS (
        DELETE FROM vectors.embeddings AS e USING user_data.documents AS d, rest AS r
        WHERE d.user_id = imports.current_user_id() AND d.job_id = target
          AND d.data_type = r.data_type AND d.record_key = r.record_key AND d.partition_at = r.at
          AND e.document_id = d.id RETURNING 1)
    SELECT vectors + count(*) INTO vectors FROM gone;
    DELETE FROM user_data.documents AS d USING rest AS r
        WHERE d.user_id = imports.current_user_id() AND d.job_id = target
          AND d.data_type = r.data_type AND d.record_key = r.record_key AND d.partition_at = r.at;
    GET DIAGNOSTICS documents = ROW_COUNT;
    documents := documents + old;
    DELETE FROM timeseries.locations AS l USING rest AS r
        WHERE l.user_id = imports.current_user_id() AND l.job_id = target
          AND r.data_type = 'locations' AND l.record_key = r.record_key AND l.at = r.at;
    GET DIAGNOSTICS locations = ROW_COUNT;
    DELETE FROM timeseries.metrics AS m USING rest AS r
        WHERE m.user_id = imports.current_user_id() AND m.job_id = target
          AND r.data_type = 'metrics' AND m.record_key = r.record_key AND m.at = r.at;
    GET DIAGNOSTICS metrics = ROW_COUNT;
    DROP TABLE half_way, before, rest, heirs;
    RETURN NEXT;
END
$$;

-- Takes back what a job loaded, and closes it.
-- Returns the numbers; the caller asks in a transaction of the user, under hold_lake(…, true).
DROP FUNCTION imports.roll_back(uuid);
CREATE FUNCTION imports.roll_back(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, metrics bigint, vectors bigint,
        handed_on bigint, restored bigint, quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM imports.jobs WHERE id = target AND completed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the user has no such job at rest';
    END IF;
    DELETE FROM imports.claims WHERE job_id = target;
    CREATE TEMPORARY TABLE leaving ON COMMIT DROP AS
        SELECT d.data_type, d.record_key, d.partition_at AS at, NULL::bigint AS version_id
        FROM user_data.documents AS d WHERE d.job_id = target
        UNION ALL
        SELECT v.data_type, v.record_key, v.partition_at, v.version_id
        FROM user_data.versions AS v WHERE v.job_id = target
        UNION ALL
        SELECT 'locations', l.record_key, l.at, NULL
        FROM timeseries.locations AS l WHERE l.job_id = target
        UNION ALL
        SELECT 'metrics', m.record_key, m.at, NULL
        FROM timeseries.metrics AS m WHERE m.job_id = target;
    ANALYZE leaving;
    SELECT g.documents, g.locations, g.metrics, g.vectors, g.handed_on, g.restored
        INTO documents, locations, metrics, vectors, handed_on, restored
        FROM imports.let_go(target) AS g;
    UPDATE imports.quarantine AS q SET status = 'closed'
        WHERE q.job_id = target AND q.status <> 'closed';
    GET DIAGNOSTICS quarantined = ROW_COUNT;
    DROP TABLE leaving;

    UPDATE imports.chunks SET tally = '{}' WHERE job_id = target;
    UPDATE imports.files SET counts = '{}' WHERE job_id = target;
    UPDATE imports.jobs SET status = 'rolled_back', ending = 'rolled_back', records_seen = 0,
        records_loaded = 0, records_duplicate = 0, records_quarantined = 0 WHERE id = target;
    RETURN NEXT;
END
$$;
REVOKE EXECUTE ON FUNCTION imports.roll_back, imports.let_go FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.roll_back, imports.let_go TO datapunk_ingest;
