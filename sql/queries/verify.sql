-- What `datapunk verify` asks: counts and states, never content. All run as the job's user.

-- name: at_rest
-- Work of a job that is still open, and how its one end stands.
SELECT count(*) FILTER (WHERE kind <> 'finish' AND status IN ('ready', 'leased')) AS open,
    count(*) FILTER (WHERE kind <> 'finish' AND status = 'dead') AS dead,
    count(*) FILTER (WHERE kind = 'finish' AND status IN ('done', 'dead')) AS ended,
    count(*) FILTER (WHERE kind = 'finish' AND status IN ('ready', 'leased')) AS ending
FROM imports.chunks WHERE job_id = %(job_id)s;

-- name: outlived
-- Chunks of a user that are leased past their lease, by more than the reconciler needs.
SELECT count(*) FROM imports.chunks
WHERE status = 'leased'
  AND lease_expires < clock_timestamp() - make_interval(secs => %(grace_s)s);

-- name: uneven_files
-- Files whose counts do not add up, or that have counts without having been read.
SELECT count(*) FROM imports.files
WHERE job_id = %(job_id)s AND counts <> '{}' AND (
    disposition <> 'handled'
    OR (counts->>'seen')::bigint <> (counts->>'loaded')::bigint
        + (counts->>'duplicate')::bigint + (counts->>'quarantined')::bigint);

-- name: sums
-- The counts of a job, once more: over its files, and over its chunks.
SELECT 'files' AS over, coalesce(sum((counts->>'seen')::bigint), 0)::bigint AS seen,
    coalesce(sum((counts->>'loaded')::bigint), 0)::bigint AS loaded,
    coalesce(sum((counts->>'duplicate')::bigint), 0)::bigint AS duplicate,
    coalesce(sum((counts->>'quarantined')::bigint), 0)::bigint AS quarantined
FROM imports.files WHERE job_id = %(job_id)s
UNION ALL
SELECT 'chunks', coalesce(sum((t.value->>'seen')::bigint), 0)::bigint,
    coalesce(sum((t.value->>'loaded')::bigint), 0)::bigint,
    coalesce(sum((t.value->>'duplicate')::bigint), 0)::bigint,
    coalesce(sum((t.value->>'quarantined')::bigint), 0)::bigint
FROM imports.chunks AS c, jsonb_each(c.tally) AS t
WHERE c.job_id = %(job_id)s AND c.kind = 'records' AND c.status = 'done';

-- name: rows_by_file
-- Files of which another number of rows stands in the lake than the receipt says.
SELECT count(*) FROM (
    SELECT file_id, count(*) AS held
    FROM (SELECT file_id FROM user_data.documents
          WHERE job_id = %(job_id)s AND user_id = %(user_id)s
          UNION ALL
          SELECT file_id FROM user_data.versions
          WHERE job_id = %(job_id)s AND user_id = %(user_id)s
          UNION ALL
          SELECT file_id FROM timeseries.metrics
          WHERE job_id = %(job_id)s AND user_id = %(user_id)s
          UNION ALL
          SELECT file_id FROM timeseries.locations
          WHERE job_id = %(job_id)s AND user_id = %(user_id)s) AS r
    GROUP BY file_id) AS rows
FULL JOIN (SELECT id, coalesce((counts->>'loaded')::bigint, 0) AS loaded
           FROM imports.files WHERE job_id = %(job_id)s) AS f ON f.id = rows.file_id
WHERE coalesce(rows.held, 0) <> coalesce(f.loaded, 0) OR (f.id IS NULL AND rows.held > 0);

-- name: rows_of_job
-- Rows that name a job, and how many of them name a chunk of it that is done.
SELECT count(*) AS held, count(*) FILTER (WHERE c.status = 'done') AS committed
FROM (SELECT chunk_id FROM user_data.documents
      WHERE job_id = %(job_id)s AND user_id = %(user_id)s
      UNION ALL
      SELECT chunk_id FROM user_data.versions
      WHERE job_id = %(job_id)s AND user_id = %(user_id)s
      UNION ALL
      SELECT chunk_id FROM timeseries.metrics
      WHERE job_id = %(job_id)s AND user_id = %(user_id)s
      UNION ALL
      SELECT chunk_id FROM timeseries.locations
      WHERE job_id = %(job_id)s AND user_id = %(user_id)s) AS r
LEFT JOIN imports.chunks AS c
    ON c.id = r.chunk_id AND c.job_id = %(job_id)s AND c.kind = 'records';

-- name: quarantined
-- Records of a job in quarantine, and files whose share is not what their counts say.
SELECT (SELECT count(*) FROM imports.quarantine
        WHERE job_id = %(job_id)s AND status IN ('open', 'discarded')) AS held,
    (SELECT count(*) FROM imports.files AS f
     LEFT JOIN (SELECT file_id, count(*) AS n FROM imports.quarantine
                WHERE job_id = %(job_id)s AND status IN ('open', 'discarded')
                GROUP BY 1) AS q ON q.file_id = f.id
     WHERE f.job_id = %(job_id)s
       AND coalesce(q.n, 0) <> coalesce((f.counts->>'quarantined')::bigint, 0)) AS uneven;

-- name: twice
-- Record keys of a job that its user has twice, under whichever time; must be none. Documents that
-- share a key are told apart by their own.
SELECT (SELECT count(*) FROM (
        SELECT FROM user_data.documents WHERE job_id = %(job_id)s AND user_id = %(user_id)s
        GROUP BY data_type, record_key, metadata->>'own_key' HAVING count(*) > 1) AS d)
    + (SELECT count(*) FROM (
        SELECT FROM timeseries.locations WHERE job_id = %(job_id)s AND user_id = %(user_id)s
        GROUP BY record_key HAVING count(*) > 1) AS l)
    + (SELECT count(*) FROM (
        SELECT FROM timeseries.metrics WHERE job_id = %(job_id)s AND user_id = %(user_id)s
        GROUP BY record_key HAVING count(*) > 1) AS m) AS count;

-- name: held_by_key
-- How many of these documents a user has, under whichever time.
SELECT count(*) FROM unnest(%(types)s::text[], %(keys)s::uuid[]) AS k (data_type, record_key)
WHERE EXISTS (SELECT FROM user_data.documents AS d WHERE d.user_id = %(user_id)s
    AND d.data_type = k.data_type AND d.record_key = k.record_key);

-- name: held_shared
-- How many of these documents, which may share a key, a user has: under their own, or as the one
-- that has the shared key, if maybe as an older version. A row that says no own key, or that
-- another version of the format wrote, may be any of them.
SELECT count(*) FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(shared)s::uuid[],
    %(ats)s::timestamptz[]) AS k (data_type, own_key, base_key, at)
WHERE EXISTS (SELECT FROM user_data.documents AS d WHERE d.user_id = %(user_id)s
        AND d.data_type = k.data_type AND d.record_key = k.own_key AND d.partition_at = k.at)
    OR EXISTS (SELECT FROM user_data.documents AS d WHERE d.user_id = %(user_id)s
        AND d.data_type = k.data_type AND d.record_key = k.base_key AND d.partition_at = k.at
        AND (coalesce(d.metadata->>'own_key', '') IN ('', user_data.in_letters(k.own_key))
            OR (d.source = %(source)s AND d.parser_version <> %(version)s)))
    OR EXISTS (SELECT FROM user_data.versions AS v WHERE v.user_id = %(user_id)s
        AND v.data_type = k.data_type AND v.record_key = k.base_key
        AND (coalesce(v.metadata->>'own_key', '') IN ('', user_data.in_letters(k.own_key))
            OR (v.source = %(source)s AND v.parser_version <> %(version)s)))
    OR EXISTS (SELECT FROM user_data.documents AS d  -- at another time, which takes longer
        WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type
          AND d.record_key IN (k.own_key, k.base_key)
          AND (coalesce(d.metadata->>'own_key', '') IN ('', user_data.in_letters(k.own_key))
              OR (d.source = %(source)s AND d.parser_version <> %(version)s)));

-- name: lone_vectors
-- Vectors of a user's that belong to no document.
SELECT count(*) FROM vectors.embeddings AS e WHERE e.user_id = %(user_id)s
  AND NOT EXISTS (SELECT FROM user_data.documents AS d
      WHERE d.user_id = %(user_id)s AND d.id = e.document_id);

-- name: member_count
-- How many members the ledger lists.
SELECT count(*) FROM imports.files WHERE job_id = %(job_id)s AND ordinal IS NOT NULL;

-- name: members_from
-- A page of members in the order of the archive, as the receipt has them. What a person mended is
-- good in the lake and bad in the source: `mended` such records, that gave `more` than one each.
SELECT f.id, f.ordinal, f.path, f.sha256, f.disposition, f.reason, f.format, f.counts, f.settled,
    q.mended, q.more
FROM imports.files AS f CROSS JOIN LATERAL (
    SELECT count(*) AS mended, coalesce(sum(became - 1), 0)::bigint AS more
    FROM imports.quarantine
    WHERE job_id = %(job_id)s AND file_id = f.id AND status = 'loaded' AND mended IS NOT NULL) AS q
WHERE f.job_id = %(job_id)s AND f.ordinal >= %(first)s ORDER BY f.ordinal LIMIT %(n)s;

-- name: defects_of
-- How many records of a file stand in quarantine because our own code failed for them.
SELECT count(*) FROM imports.quarantine
WHERE job_id = %(job_id)s AND file_id = %(file_id)s AND code = 'format_defect'
  AND status <> 'loaded';

-- name: poison_of
-- The byte ranges of a file that are not to be read again, in order: what stands in quarantine as
-- poison, and what a person mended there, since the source is as it was.
SELECT split_part(substr(locator, 7), '-', 1)::bigint AS start,
    split_part(locator, '-', 2)::bigint AS stop
FROM imports.quarantine
WHERE job_id = %(job_id)s AND file_id = %(file_id)s AND code = 'poison'
  AND (status <> 'loaded' OR mended IS NOT NULL) ORDER BY 1;

-- name: some_documents
-- A sample of a job's documents: one in `step`.
SELECT id, record_key, data_type, source, record_type, source_timestamp, title, content,
    content_type, language, metadata, content_hash FROM user_data.documents
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND id > %(after)s
  AND id %% %(step)s = %(pick)s
ORDER BY id LIMIT %(n)s;

-- name: some_versions
-- A sample of the older versions that a job gave: one in `step`.
SELECT version_id AS id, record_key, data_type, source, record_type, source_timestamp, title,
    content, content_type, language, metadata, content_hash FROM user_data.versions
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND version_id > %(after)s
  AND version_id %% %(step)s = %(pick)s
ORDER BY version_id LIMIT %(n)s;

-- name: entities_of
-- Who and what some documents mention.
SELECT m.record_key, e.value, e.name
FROM user_data.mentions AS m JOIN user_data.entities AS e USING (user_id, entity_key)
WHERE m.user_id = %(user_id)s AND m.record_key = ANY(%(keys)s);

-- name: bytes_kept
-- Quarantined records of a job that have their bytes.
SELECT count(*) FILTER (WHERE raw <> '') AS raw FROM imports.quarantine
WHERE job_id = %(job_id)s;

-- name: unread_times
-- Positions and measured values of a job with the text of a time that can't be read.
SELECT (SELECT count(*) FROM timeseries.locations
        WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND at < '1900-01-01 00:00:00+00'
          AND metadata->'time'->>'flag' = 'time_unread' AND metadata->'time'->>'text' <> '')
    + (SELECT count(*) FROM timeseries.metrics
        WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND at < '1900-01-01 00:00:00+00'
          AND metadata->'time'->>'flag' = 'time_unread' AND metadata->'time'->>'text' <> '') AS count;

-- name: mended_bytes
-- The bytes that people edited in quarantine.
SELECT mended FROM imports.quarantine WHERE job_id = %(job_id)s AND mended IS NOT NULL;

-- name: drift_names
-- The fields of a job that its formats did not know.
SELECT format, field FROM imports.drift WHERE job_id = %(job_id)s;

-- name: some_files
-- Files of a job whose paths end in a name that a record gave, or of which a format noted something.
SELECT id, path, format, media_type, ordinal IS NULL AS attached, context -> 'noted' AS noted
FROM imports.files
WHERE job_id = %(job_id)s AND id > %(after)s AND (ordinal IS NULL OR context ? 'noted')
  AND id %% %(step)s = %(pick)s
ORDER BY id LIMIT %(n)s;

-- name: words_unsaid
-- A sample of a job's documents that can be found, one in `step`, and whether words find it that it
-- does not say. One that waits to be indexed again is left out.
SELECT d.id, NOT tsvector_to_array(s.words) <@ tsvector_to_array(
    user_data.words_in(d.language, d.title, d.content, d.metadata)) AS unsaid
FROM user_data.documents AS d JOIN user_data.search AS s
    ON s.document_id = d.id AND s.user_id = d.user_id
WHERE d.user_id = %(user_id)s AND d.job_id = %(job_id)s AND d.id > %(after)s
  AND d.id %% %(step)s = %(pick)s
  AND NOT EXISTS (SELECT FROM user_data.unindexed AS u
      WHERE u.user_id = d.user_id AND u.document_id = d.id)
ORDER BY d.id LIMIT %(n)s;

-- name: artefacts
-- The files that chunks which are not done would go on from, by their names.
SELECT a.value AS name FROM imports.chunks AS c, jsonb_each_text(c.artefacts) AS a
WHERE c.job_id = %(job_id)s AND c.status <> 'done' AND a.key IN ('spool', 'mask', 'vectors')
ORDER BY c.id;
