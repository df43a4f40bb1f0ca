-- Rows into the lake. COPY can't write to a table under row-level security, so it fills a
-- temporary table, and INSERT … SELECT goes through the partitioned parent.

-- name: stage_documents
CREATE TEMPORARY TABLE IF NOT EXISTS stage_documents (
    slot integer, data_type text, source text, record_type text, record_key uuid,
    partition_at timestamptz, source_timestamp timestamptz, title text, content text,
    content_type text, language text, metadata jsonb
) ON COMMIT DELETE ROWS;

-- name: stage_locations
CREATE TEMPORARY TABLE IF NOT EXISTS stage_locations (
    slot integer, source text, record_key uuid, at timestamptz, latitude double precision,
    longitude double precision, altitude_m double precision, accuracy_m double precision,
    metadata jsonb
) ON COMMIT DELETE ROWS;

-- name: stage_vectors
CREATE TEMPORARY TABLE IF NOT EXISTS stage_vectors (
    record_key uuid, piece smallint, piece_start integer, piece_end integer, embedding vector
) ON COMMIT DELETE ROWS;

-- name: copy_documents
COPY stage_documents FROM STDIN;

-- name: copy_locations
COPY stage_locations FROM STDIN;

-- name: copy_vectors
COPY stage_vectors FROM STDIN (FORMAT BINARY);

-- name: insert_documents
-- New documents; what the lake has is left as it is. Returns how many came in, by slot.
WITH came AS (
    INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key,
        partition_at, source_timestamp, title, content, content_type, language, metadata,
        job_id, file_id, chunk_id)
    SELECT %(user_id)s, data_type, source, record_type, record_key, partition_at,
        source_timestamp, title, content, content_type, language, metadata,
        %(job_id)s, (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s
    FROM stage_documents
    ORDER BY record_key            -- one order for all, so that two loads can't deadlock
    ON CONFLICT (user_id, data_type, record_key, partition_at) DO NOTHING
    RETURNING file_id)
SELECT file_id, count(*) FROM came GROUP BY file_id;

-- name: insert_documents_with_vectors
-- The same, with the vectors of those documents that came in.
WITH came AS (
    INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key,
        partition_at, source_timestamp, title, content, content_type, language, metadata,
        job_id, file_id, chunk_id)
    SELECT %(user_id)s, data_type, source, record_type, record_key, partition_at,
        source_timestamp, title, content, content_type, language, metadata,
        %(job_id)s, (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s
    FROM stage_documents
    ORDER BY record_key            -- one order for all, so that two loads can't deadlock
    ON CONFLICT (user_id, data_type, record_key, partition_at) DO NOTHING
    RETURNING file_id, id, record_key),
vectored AS (
    INSERT INTO vectors.embeddings
        (document_id, user_id, model_id, piece, piece_start, piece_end, embedding)
    SELECT came.id, %(user_id)s, %(model_id)s, v.piece, v.piece_start, v.piece_end, v.embedding
    FROM came JOIN stage_vectors AS v USING (record_key))
SELECT file_id, count(*) FROM came GROUP BY file_id;

-- name: insert_locations
WITH came AS (
    INSERT INTO timeseries.locations (user_id, record_key, at, latitude, longitude, altitude_m,
        accuracy_m, source, metadata, job_id, file_id, chunk_id)
    SELECT %(user_id)s, record_key, at, latitude, longitude, altitude_m, accuracy_m, source,
        metadata, %(job_id)s, (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s
    FROM stage_locations
    ORDER BY at, record_key
    ON CONFLICT (user_id, at, record_key) DO NOTHING
    RETURNING file_id)
SELECT file_id, count(*) FROM came GROUP BY file_id;

-- name: claim_documents
-- Staged documents that stand under the name of another job: this job had them too.
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, s.data_type, s.record_key, s.partition_at, %(job_id)s,
    (%(file_ids)s::bigint[])[s.slot + 1], %(chunk_id)s
FROM stage_documents AS s CROSS JOIN LATERAL (
    SELECT d.job_id FROM user_data.documents AS d
    WHERE d.user_id = %(user_id)s AND d.data_type = s.data_type AND d.record_key = s.record_key
      AND d.partition_at = s.partition_at LIMIT 1) AS held
WHERE held.job_id <> %(job_id)s
ORDER BY s.record_key
ON CONFLICT DO NOTHING;

-- name: claim_locations
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, 'locations', s.record_key, s.at, %(job_id)s,
    (%(file_ids)s::bigint[])[s.slot + 1], %(chunk_id)s
FROM stage_locations AS s CROSS JOIN LATERAL (
    SELECT l.job_id FROM timeseries.locations AS l
    WHERE l.user_id = %(user_id)s AND l.record_key = s.record_key AND l.at = s.at LIMIT 1) AS held
WHERE held.job_id <> %(job_id)s
ORDER BY s.record_key
ON CONFLICT DO NOTHING;

-- name: claim_known
-- Documents that were left out because the lake has them; how many of them it has still.
WITH held AS (
    SELECT k.data_type, k.record_key, k.at, k.file_id, h.job_id
    FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[], %(files)s::bigint[])
        AS k (data_type, record_key, at, file_id)
    CROSS JOIN LATERAL (
        SELECT d.job_id FROM user_data.documents AS d
        WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type
          AND d.record_key = k.record_key AND d.partition_at = k.at LIMIT 1) AS h),
claimed AS (
    INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
    SELECT %(user_id)s, data_type, record_key, at, %(job_id)s, file_id, %(chunk_id)s
    FROM held WHERE job_id <> %(job_id)s
    ORDER BY record_key
    ON CONFLICT DO NOTHING)
SELECT count(*) FROM held;

-- name: known_documents
-- Which of these records the lake holds; asked before embedding, so that none is embedded twice.
SELECT k.n FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[])
    WITH ORDINALITY AS k (data_type, record_key, partition_at, n)
WHERE EXISTS (SELECT FROM user_data.documents AS d
    WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type AND d.record_key = k.record_key
      AND d.partition_at = k.partition_at);

-- name: known_locations
SELECT k.n FROM unnest(%(keys)s::uuid[], %(ats)s::timestamptz[])
    WITH ORDINALITY AS k (record_key, at, n)
WHERE EXISTS (SELECT FROM timeseries.locations AS l
    WHERE l.user_id = %(user_id)s AND l.record_key = k.record_key AND l.at = k.at);

-- name: ensure_document_partitions
SELECT user_data.ensure_partitions(%(type)s, %(months)s::date[]);

-- name: ensure_location_partitions
SELECT timeseries.ensure_partitions(%(months)s::date[]);

-- name: analyze_month
SELECT imports.analyze_month(%(parent)s::regclass, %(month)s);

-- name: ensure_model
SELECT vectors.ensure_model(%(name)s, %(revision)s, %(dimension)s);

-- name: ensure_index
SELECT vectors.ensure_index(%(model_id)s, %(at_least)s);

-- name: models
SELECT id FROM vectors.models ORDER BY id;

-- name: cached_vectors
SELECT text_hash, embedding FROM vectors.cache
WHERE user_id = %(user_id)s AND model_id = %(model_id)s AND text_hash = ANY(%(hashes)s);

-- name: cache_vectors
INSERT INTO vectors.cache (user_id, model_id, text_hash, embedding)
VALUES (%(user_id)s, %(model_id)s, %(text_hash)s, %(embedding)s)
ON CONFLICT DO NOTHING;
