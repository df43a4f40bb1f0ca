-- Versions, metrics and entities go, and the functions of before come back.
DROP FUNCTION imports.roll_back(uuid), imports.let_go(uuid);
DROP FUNCTION user_data.supersede, user_data.number_repeats, user_data.given_elsewhere,
    user_data.occurrence_key;
DROP TABLE imports.drift, user_data.relations, user_data.mentions, user_data.entities,
    timeseries.metrics, user_data.versions;
ALTER TABLE user_data.documents DROP COLUMN content_hash, DROP COLUMN parser_version;
ALTER TABLE imports.jobs DROP COLUMN exported_at;
ALTER TABLE imports.claims DROP CONSTRAINT claims_pkey;
ALTER TABLE imports.claims NO FORCE ROW LEVEL SECURITY;
DELETE FROM imports.claims AS c USING imports.claims AS o
    WHERE (o.user_id, o.data_type, o.record_key, o.at, o.job_id, o.chunk_id)
        = (c.user_id, c.data_type, c.record_key, c.at, c.job_id, c.chunk_id) AND o.file_id < c.file_id;
ALTER TABLE imports.claims FORCE ROW LEVEL SECURITY;
ALTER TABLE imports.claims ADD PRIMARY KEY (user_id, data_type, record_key, at, job_id, chunk_id);

DROP FUNCTION timeseries.ensure_partitions(text, date[]);
CREATE FUNCTION timeseries.ensure_partitions(months date[])
    RETURNS integer LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.ensure_months('timeseries.locations', 'timeseries', 'locations', months) $$;
CREATE OR REPLACE FUNCTION imports.analyze_month(parent regclass, month date)
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
CREATE FUNCTION imports.roll_back(target uuid)
    RETURNS TABLE (documents bigint, locations bigint, vectors bigint, handed_on bigint,
        quarantined bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    moved record;
BEGIN
    IF NOT EXISTS (SELECT FROM imports.jobs WHERE id = target AND completed_at IS NOT NULL) THEN
        RAISE EXCEPTION 'the user has no such job at rest';
    END IF;
    -- A chunk that is not done left out what stood here: it must look again, from its beginning.
    -- Who is at work on it is fenced out. None can become done meanwhile: that takes the lake.
    CREATE TEMPORARY TABLE half_way ON COMMIT DROP AS
        SELECT DISTINCT k.id FROM imports.chunks AS k JOIN imports.claims AS c ON c.chunk_id = k.id
        WHERE k.status <> 'done' AND k.job_id <> target;
    UPDATE imports.chunks SET stage = 'normalise', artefacts = '{}', tally = '{}',
            status = CASE status WHEN 'dead' THEN 'dead' ELSE 'ready' END, attempt = 0,
            token = NULL, leased_by = NULL, lease_expires = NULL, enqueued_at = NULL
        WHERE id IN (SELECT id FROM half_way);
    DELETE FROM imports.claims
        WHERE job_id = target OR chunk_id IN (SELECT id FROM half_way);

    CREATE TEMPORARY TABLE heirs ON COMMIT DROP AS
        SELECT h.* FROM (
            SELECT d.data_type, d.record_key, d.partition_at AS at
            FROM user_data.documents AS d WHERE d.job_id = target
            UNION ALL
            SELECT 'locations', l.record_key, l.at
            FROM timeseries.locations AS l WHERE l.job_id = target) AS r
        CROSS JOIN LATERAL (
            SELECT c.* FROM imports.claims AS c JOIN imports.jobs AS j ON j.id = c.job_id
            WHERE c.user_id = imports.current_user_id() AND c.data_type = r.data_type
              AND c.record_key = r.record_key AND c.at = r.at
            ORDER BY j.created_at, j.id, c.chunk_id LIMIT 1) AS h;
    SELECT count(*) INTO handed_on FROM heirs;
    UPDATE user_data.documents AS d
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE d.job_id = target AND d.data_type = h.data_type AND d.record_key = h.record_key
          AND d.partition_at = h.at;
    UPDATE timeseries.locations AS l
        SET job_id = h.job_id, file_id = h.file_id, chunk_id = h.chunk_id
        FROM heirs AS h
        WHERE l.job_id = target AND h.data_type = 'locations' AND l.record_key = h.record_key
          AND l.at = h.at;
    DELETE FROM imports.claims AS c USING heirs AS h
        WHERE c.user_id = h.user_id AND c.data_type = h.data_type
          AND c.record_key = h.record_key AND c.at = h.at AND c.job_id = h.job_id;
    FOR moved IN SELECT h.job_id, h.file_id, h.chunk_id, count(*) AS n
            FROM heirs AS h GROUP BY 1, 2, 3 LOOP
        PERFORM imports.count_again(moved.job_id, moved.file_id, moved.chunk_id,
            jsonb_build_object('loaded', moved.n, 'duplicate', -moved.n));
    END LOOP;

    DELETE FROM vectors.embeddings AS e USING user_data.documents AS d
        WHERE d.job_id = target AND e.document_id = d.id;
    GET DIAGNOSTICS vectors = ROW_COUNT;
    DELETE FROM user_data.documents AS d WHERE d.job_id = target;
    GET DIAGNOSTICS documents = ROW_COUNT;
    DELETE FROM timeseries.locations AS l WHERE l.job_id = target;
    GET DIAGNOSTICS locations = ROW_COUNT;
    UPDATE imports.quarantine AS q SET status = 'closed'
        WHERE q.job_id = target AND q.status <> 'closed';
    GET DIAGNOSTICS quarantined = ROW_COUNT;
    DROP TABLE half_way, heirs;

    UPDATE imports.chunks SET tally = '{}' WHERE job_id = target;
    UPDATE imports.files SET counts = '{}' WHERE job_id = target;
    UPDATE imports.jobs SET status = 'rolled_back', ending = 'rolled_back', records_seen = 0,
        records_loaded = 0, records_duplicate = 0, records_quarantined = 0 WHERE id = target;
    RETURN NEXT;
END
$$;
REVOKE EXECUTE ON FUNCTION imports.roll_back, timeseries.ensure_partitions FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.roll_back, timeseries.ensure_partitions TO datapunk_ingest;
