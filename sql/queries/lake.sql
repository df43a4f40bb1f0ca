-- Load rows into the lake. COPY cannot write to a table under row-level security, so it fills a
-- temporary table (`create_stage` in sql/load.py), and INSERT … SELECT goes through the partitioned
-- parent.

-- name: name_shared
-- Choose the key of each document that may share one: the shared key, if this document has it or is
-- the first that may take it, else the document's own key. A row without an own key, or written by
-- an older parser, may be any of them: it is taken for the most similar one.
WITH classified AS (
    SELECT DISTINCT ON (data_type, own_key, base_key, at) data_type, own_key, base_key, at, n,
        user_data.how_shared(data_type, own_key, base_key, at, content_hash, %(source)s,
            %(version)s) AS how
    FROM stage_shared ORDER BY data_type, own_key, base_key, at, n),
ranked AS (
    SELECT *, row_number() OVER (PARTITION BY data_type, base_key, at
            ORDER BY array_position(ARRAY['this', 'alike', 'unknown', 'free'], how), n) AS at_once,
        row_number() OVER (PARTITION BY data_type, base_key ORDER BY how = 'free', n) AS at_all
    FROM classified WHERE how NOT IN ('apart', 'other'))
UPDATE stage_shared AS s SET called = coalesce((SELECT r.base_key FROM ranked AS r
    WHERE (r.data_type, r.own_key, r.base_key, r.at) = (s.data_type, s.own_key, s.base_key, s.at)
      AND CASE r.how WHEN 'this' THEN true WHEN 'free' THEN r.at_all = 1 ELSE r.at_once = 1 END
    ), s.own_key);

-- name: call_documents
-- Give staged documents the key that was chosen for them.
UPDATE stage_documents AS s SET record_key = k.called FROM stage_shared AS k
WHERE s.data_type = k.data_type AND s.record_key = k.own_key AND s.partition_at = k.at
  AND k.called <> k.own_key;

-- name: part_shared
-- Give its own key to each staged document whose shared key another document took in another load.
WITH parted AS (
    UPDATE stage_shared SET called = own_key
    WHERE called = base_key AND user_data.how_shared(data_type, own_key, base_key, at,
        content_hash, %(source)s, %(version)s) IN ('apart', 'other')
    RETURNING data_type, own_key, base_key, at)
UPDATE stage_documents AS s SET record_key = p.own_key FROM parted AS p
WHERE s.data_type = p.data_type AND s.record_key = p.base_key AND s.partition_at = p.at
RETURNING p.base_key AS old, p.own_key AS new;

-- name: flag_apart
-- Flag documents under keys of their own whose shared key another document has.
UPDATE stage_documents SET metadata = metadata || jsonb_build_object('flags',
    coalesce(metadata->'flags', '[]') || to_jsonb(%(flag)s::text))
WHERE metadata->>'own_key' = user_data.in_letters(record_key)
  AND NOT coalesce(metadata->'flags', '[]') ? %(flag)s;

-- name: called
-- Return the documents that have a shared key.
SELECT DISTINCT own_key AS old, called AS new FROM stage_shared WHERE called <> own_key;

-- name: rename_others
-- Give the targets of staged relations the key that was chosen for them.
UPDATE stage_relations AS s SET other_key = k.new
FROM unnest(%(old)s::uuid[], %(new)s::uuid[]) AS k (old, new) WHERE s.other_key = k.old;

-- name: resolved_keys
-- Return the keys under which the lake has, or would have, documents that may share one.
SELECT CASE WHEN user_data.how_shared(k.data_type, k.own_key, k.base_key, k.at, k.hash,
    %(source)s, %(version)s) IN ('apart', 'other') THEN k.own_key ELSE k.base_key END AS key
FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(shared)s::uuid[], %(ats)s::timestamptz[],
    %(hashes)s::uuid[]) WITH ORDINALITY AS k (data_type, own_key, base_key, at, hash, n)
ORDER BY k.n;

-- name: insert_documents
-- Insert the staged documents that the lake lacks. Return the number of inserted ones, by slot.
WITH came AS (
    INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key,
        partition_at, source_timestamp, title, content, content_type, language, metadata,
        job_id, file_id, chunk_id, content_hash, parser_version)
    SELECT %(user_id)s, data_type, source, record_type, record_key, partition_at,
        source_timestamp, title, content, content_type, language, metadata,
        %(job_id)s, (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s, content_hash, %(version)s
    FROM stage_documents
    ORDER BY record_key            -- one order for all, so that two loads can't deadlock
    ON CONFLICT (user_id, data_type, record_key, partition_at) DO NOTHING
    RETURNING file_id)
SELECT file_id, count(*) FROM came GROUP BY file_id;

-- name: insert_documents_with_vectors
-- The same, with the vectors of the inserted documents.
WITH came AS (
    INSERT INTO user_data.documents (user_id, data_type, source, record_type, record_key,
        partition_at, source_timestamp, title, content, content_type, language, metadata,
        job_id, file_id, chunk_id, content_hash, parser_version)
    SELECT %(user_id)s, data_type, source, record_type, record_key, partition_at,
        source_timestamp, title, content, content_type, language, metadata,
        %(job_id)s, (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s, content_hash, %(version)s
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
-- Insert the staged locations that the lake lacks. Return their number by file.
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

-- name: insert_metrics
-- Insert the staged metrics that the lake lacks. Return their number by file.
WITH came AS (
    INSERT INTO timeseries.metrics (user_id, record_key, at, until, name, value, unit, source,
        metadata, job_id, file_id, chunk_id)
    SELECT %(user_id)s, record_key, at, until, name, value, unit, source, metadata, %(job_id)s,
        (%(file_ids)s::bigint[])[slot + 1], %(chunk_id)s
    FROM stage_metrics
    ORDER BY at, record_key
    ON CONFLICT (user_id, at, record_key) DO NOTHING
    RETURNING file_id)
SELECT file_id, count(*) FROM came GROUP BY file_id;

-- name: insert_entities
-- Insert the people and things of the staged records. The longest name of one is kept, so that it
-- does not depend on which chunk loads first.
INSERT INTO user_data.entities AS e (user_id, entity_key, kind, value, name)
SELECT DISTINCT ON (entity_key) %(user_id)s, entity_key, kind, value, name
FROM stage_mentions ORDER BY entity_key, length(name) DESC NULLS LAST, name
ON CONFLICT (user_id, entity_key) DO UPDATE SET name = excluded.name
    WHERE excluded.name IS NOT NULL AND (e.name IS NULL
        OR (-length(excluded.name), excluded.name) < (-length(e.name), e.name));

-- name: insert_mentions
-- Insert the staged mentions that the lake lacks.
INSERT INTO user_data.mentions (user_id, entity_key, record_key, role)
SELECT DISTINCT %(user_id)s::uuid, entity_key, record_key, role FROM stage_mentions
ORDER BY entity_key, record_key, role
ON CONFLICT DO NOTHING;

-- name: insert_relations
-- Insert the staged relations that the lake lacks.
INSERT INTO user_data.relations (user_id, record_key, relation, other_key)
SELECT DISTINCT %(user_id)s::uuid, record_key, relation, other_key FROM stage_relations
ORDER BY record_key, relation, other_key
ON CONFLICT DO NOTHING;

-- name: supersede
-- Replace stored documents by the staged newer content; the older one becomes a version.
SELECT key, file, current
FROM user_data.supersede(%(job_id)s, %(chunk_id)s, %(version)s, %(file_ids)s::bigint[]);

-- name: insert_new_vectors
-- Insert the vectors of documents that a newer version replaced.
INSERT INTO vectors.embeddings
    (document_id, user_id, model_id, piece, piece_start, piece_end, embedding)
SELECT d.id, %(user_id)s, %(model_id)s, v.piece, v.piece_start, v.piece_end, v.embedding
FROM stage_vectors AS v JOIN stage_documents AS s USING (record_key)
JOIN user_data.documents AS d ON d.user_id = %(user_id)s AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at
WHERE v.record_key = ANY(%(keys)s)
ON CONFLICT DO NOTHING;

-- name: hold_files
-- Lock some files: chunks of one file take turns to number repeats.
SELECT imports.hold(%(user_id)s::uuid, 'file' || f, true)
FROM unnest(%(file_ids)s::bigint[]) AS f ORDER BY f;

-- name: number_repeats
-- Give documents that occur several times in a file a key for each occurrence.
SELECT old, new FROM user_data.number_repeats(%(chunk_id)s, %(file_ids)s::bigint[]);

-- name: rename_vectors
-- Give staged vectors the keys that their documents have now.
UPDATE stage_vectors AS s SET record_key = k.new
FROM unnest(%(old)s::uuid[], %(new)s::uuid[]) AS k (old, new) WHERE s.record_key = k.old;

-- name: rename_mentions
-- Give staged mentions the keys that their documents have now.
UPDATE stage_mentions AS s SET record_key = k.new
FROM unnest(%(old)s::uuid[], %(new)s::uuid[]) AS k (old, new) WHERE s.record_key = k.old;

-- name: rename_relations
-- Give staged relations the keys that their documents have now.
UPDATE stage_relations AS s SET record_key = k.new
FROM unnest(%(old)s::uuid[], %(new)s::uuid[]) AS k (old, new) WHERE s.record_key = k.old;

-- name: claim_documents
-- Note the documents that this chunk also had, while the row names another file.
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, s.data_type, s.record_key, s.partition_at, %(job_id)s,
    (%(file_ids)s::bigint[])[s.slot + 1], %(chunk_id)s
FROM stage_documents AS s CROSS JOIN LATERAL (
    SELECT d.file_id FROM user_data.documents AS d
    WHERE d.user_id = %(user_id)s AND d.data_type = s.data_type AND d.record_key = s.record_key
      AND d.partition_at = s.partition_at LIMIT 1) AS held
WHERE held.file_id <> (%(file_ids)s::bigint[])[s.slot + 1]
ORDER BY s.record_key
ON CONFLICT DO NOTHING;

-- name: claim_locations
-- Note the locations that this chunk also had, while the row names another job.
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, 'locations', s.record_key, s.at, %(job_id)s,
    (%(file_ids)s::bigint[])[s.slot + 1], %(chunk_id)s
FROM stage_locations AS s CROSS JOIN LATERAL (
    SELECT l.job_id FROM timeseries.locations AS l
    WHERE l.user_id = %(user_id)s AND l.record_key = s.record_key AND l.at = s.at LIMIT 1) AS held
WHERE held.job_id <> %(job_id)s
ORDER BY s.record_key
ON CONFLICT DO NOTHING;

-- name: claim_metrics
-- Note the metrics that this chunk also had, while the row names another job.
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, 'metrics', s.record_key, s.at, %(job_id)s,
    (%(file_ids)s::bigint[])[s.slot + 1], %(chunk_id)s
FROM stage_metrics AS s CROSS JOIN LATERAL (
    SELECT m.job_id FROM timeseries.metrics AS m
    WHERE m.user_id = %(user_id)s AND m.record_key = s.record_key AND m.at = s.at LIMIT 1) AS held
WHERE held.job_id <> %(job_id)s
ORDER BY s.record_key
ON CONFLICT DO NOTHING;

-- name: claim_twins
-- Note the documents that another file of the same chunk has too.
INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
SELECT %(user_id)s, k.data_type, k.record_key, k.at, %(job_id)s, k.file_id, %(chunk_id)s
FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[], %(files)s::bigint[])
    AS k (data_type, record_key, at, file_id)
ORDER BY k.record_key
ON CONFLICT DO NOTHING;

-- name: claim_known
-- Note the documents that were left out because the lake has them. Return how many the lake still
-- has.
WITH held AS (
    SELECT k.data_type, k.record_key, k.at, k.file_id, h.file_id AS held_by
    FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[], %(files)s::bigint[])
        AS k (data_type, record_key, at, file_id)
    CROSS JOIN LATERAL (
        SELECT d.file_id FROM user_data.documents AS d
        WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type
          AND d.record_key = k.record_key AND d.partition_at = k.at LIMIT 1) AS h),
claimed AS (
    INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
    SELECT %(user_id)s, data_type, record_key, at, %(job_id)s, file_id, %(chunk_id)s
    FROM held WHERE held_by <> file_id
    ORDER BY record_key
    ON CONFLICT DO NOTHING)
SELECT count(*) FROM held;

-- name: known_documents
-- Return which of these records the lake has with equal content. Asked before embedding, so that no
-- record is embedded twice. A record that differs from another export of the same format is a new
-- version.
SELECT k.n FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[],
    %(hashes)s::uuid[]) WITH ORDINALITY AS k (data_type, record_key, partition_at, hash, n)
WHERE EXISTS (SELECT FROM user_data.documents AS d
    WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type AND d.record_key = k.record_key
      AND d.partition_at = k.partition_at
      AND (d.content_hash IS NOT DISTINCT FROM k.hash OR d.source <> %(source)s
          OR d.job_id = %(job_id)s OR d.content_hash IS NULL
          OR EXISTS (SELECT FROM user_data.versions AS v WHERE v.user_id = %(user_id)s
              AND v.record_key = k.record_key AND v.content_hash = k.hash)));

-- name: existing_documents
-- Return which of these records the lake has, in any version.
SELECT k.n FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[])
    WITH ORDINALITY AS k (data_type, record_key, partition_at, n)
WHERE EXISTS (SELECT FROM user_data.documents AS d
    WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type AND d.record_key = k.record_key
      AND d.partition_at = k.partition_at);

-- name: known_locations
-- Return which of these locations the lake has.
SELECT k.n FROM unnest(%(keys)s::uuid[], %(ats)s::timestamptz[])
    WITH ORDINALITY AS k (record_key, at, n)
WHERE EXISTS (SELECT FROM timeseries.locations AS l
    WHERE l.user_id = %(user_id)s AND l.record_key = k.record_key AND l.at = k.at);

-- name: known_metrics
-- Return which of these metrics the lake has.
SELECT k.n FROM unnest(%(keys)s::uuid[], %(ats)s::timestamptz[])
    WITH ORDINALITY AS k (record_key, at, n)
WHERE EXISTS (SELECT FROM timeseries.metrics AS m
    WHERE m.user_id = %(user_id)s AND m.record_key = k.record_key AND m.at = k.at);

-- name: drift
-- Note fields that a format does not know. A chunk loads once, so the numbers add up.
INSERT INTO imports.drift AS d (job_id, user_id, format, field, records, first_file_id)
VALUES (%(job_id)s, %(user_id)s, %(format)s, %(field)s, %(records)s, %(file_id)s)
ON CONFLICT (job_id, format, field, user_id) DO UPDATE SET records = d.records + excluded.records;

-- name: ensure_document_partitions
-- Make the missing partitions of a data type for some months.
SELECT user_data.ensure_partitions(%(type)s, %(months)s::date[]);

-- name: ensure_series_partitions
-- Make the missing partitions of locations or metrics for some months.
SELECT timeseries.ensure_partitions(%(type)s, %(months)s::date[]);

-- name: analyze_grown
-- Update the planner's statistics for partitions that have grown much.
SELECT imports.analyze_grown();

-- name: analyze_search
-- Update the planner's statistics for the search index.
SELECT user_data.analyze_search();

-- name: ensure_model
-- Return the id of a model. A new one is registered and gets a partition of vectors.
SELECT vectors.ensure_model(%(name)s, %(revision)s, %(dimension)s, %(tier)s);

-- name: ensure_index
-- Build a model's vector index if it has enough vectors and no index yet.
SELECT vectors.ensure_index(%(model_id)s, %(at_least)s);

-- name: models_at_rest
-- Return the models without waiting documents of the user.
SELECT m.id FROM vectors.models AS m
WHERE NOT EXISTS (SELECT FROM vectors.waiting AS w WHERE w.user_id = %(user_id)s
    AND w.model IN (m.tier, m.name) AND w.attempts < %(most)s)
ORDER BY m.id;

-- name: is_indexed
-- Return whether a model's vectors have an index.
SELECT to_regclass(format('vectors.embeddings_m%%s_hnsw', %(model_id)s::integer)) IS NOT NULL
    AS is_indexed;

-- name: make_way
-- Drop a model's vector index before many vectors are added, if that is faster.
SELECT vectors.make_way(%(model_id)s, %(model)s);

-- name: wait_shortly
-- Limit the wait for locks: an index that is being built locks its table, and a load does not wait
-- for that.
SELECT set_config('lock_timeout', '20s', true);

-- name: cached_vectors
-- Return the vectors of texts that this user's lake has embedded before.
SELECT text_hash, embedding FROM vectors.cache
WHERE user_id = %(user_id)s AND model_id = %(model_id)s AND text_hash = ANY(%(hashes)s);

-- name: cache_vectors
-- Store the vector of a text in the cache.
INSERT INTO vectors.cache (user_id, model_id, text_hash, embedding)
VALUES (%(user_id)s, %(model_id)s, %(text_hash)s, %(embedding)s)
ON CONFLICT DO NOTHING;
