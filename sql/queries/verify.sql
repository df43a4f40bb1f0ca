-- Queries of `datapunk verify`: counts and states, never content. All run as the job's user.

-- name: at_rest
-- Return the open work of a job, and the state of its `finish`.
SELECT count(*) FILTER (WHERE kind <> 'finish' AND status IN ('ready', 'leased')) AS open,
    count(*) FILTER (WHERE kind <> 'finish' AND status = 'dead') AS dead,
    count(*) FILTER (WHERE kind = 'finish' AND status IN ('done', 'dead')) AS ended,
    count(*) FILTER (WHERE kind = 'finish' AND status IN ('ready', 'leased')) AS ending
FROM imports.chunks WHERE job_id = %(job_id)s;

-- name: outlived
-- Return chunks of a user whose lease ended longer ago than the reconciler needs.
SELECT count(*) FROM imports.chunks
WHERE status = 'leased'
  AND lease_expires < clock_timestamp() - make_interval(secs => %(grace_s)s);

-- name: uneven_files
-- Return files whose counts do not add up, or that have counts without having been read.
SELECT count(*) FROM imports.files
WHERE job_id = %(job_id)s AND counts <> '{}' AND (
    disposition <> 'handled'
    OR (counts->>'seen')::bigint <> (counts->>'loaded')::bigint
        + (counts->>'duplicate')::bigint + (counts->>'quarantined')::bigint);

-- name: sums
-- Sum up the counts of a job again: over its files, and over its chunks.
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
-- Return files with another number of rows in the lake than the receipt says.
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
-- Count the rows that name a job, and those that name a chunk of it that is done.
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
-- Count the quarantined records of a job, and the files whose counts differ from that.
SELECT (SELECT count(*) FROM imports.quarantine
        WHERE job_id = %(job_id)s AND status IN ('open', 'discarded')) AS held,
    (SELECT count(*) FROM imports.files AS f
     LEFT JOIN (SELECT file_id, count(*) AS n FROM imports.quarantine
                WHERE job_id = %(job_id)s AND status IN ('open', 'discarded')
                GROUP BY 1) AS q ON q.file_id = f.id
     WHERE f.job_id = %(job_id)s
       AND coalesce(q.n, 0) <> coalesce((f.counts->>'quarantined')::bigint, 0)) AS uneven;

-- name: twice
-- Count the record keys of a job that its user has twice, at any time; must be 0. Documents that
-- share a key are told apart by their own keys.
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
-- Count those of these documents that a user has, at any time.
SELECT count(*) FROM unnest(%(types)s::text[], %(keys)s::uuid[]) AS k (data_type, record_key)
WHERE EXISTS (SELECT FROM user_data.documents AS d WHERE d.user_id = %(user_id)s
    AND d.data_type = k.data_type AND d.record_key = k.record_key);

-- name: held_shared
-- Count those of these documents, which may share a key, that a user has: under their own key, or
-- under the shared key, also as an older version. A row without an own key, or of another version
-- of the format, may be any of them.
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
-- Count vectors of a user without a document.
SELECT count(*) FROM vectors.embeddings AS e WHERE e.user_id = %(user_id)s
  AND NOT EXISTS (SELECT FROM user_data.documents AS d
      WHERE d.user_id = %(user_id)s AND d.id = e.document_id);

-- name: member_count
-- Count the members in the ledger.
SELECT count(*) FROM imports.files WHERE job_id = %(job_id)s AND ordinal IS NOT NULL;

-- name: members_from
-- Return a page of members in the order of the archive, as the receipt has them. A record edited by
-- hand is good in the lake and bad in the source: `mended` counts these, and `more` the records
-- that they gave beyond one each.
SELECT f.id, f.ordinal, f.path, f.sha256, f.disposition, f.reason, f.format, f.counts, f.settled,
    q.mended, q.more
FROM imports.files AS f CROSS JOIN LATERAL (
    SELECT count(*) AS mended, coalesce(sum(became - 1), 0)::bigint AS more
    FROM imports.quarantine
    WHERE job_id = %(job_id)s AND file_id = f.id AND status = 'loaded' AND mended IS NOT NULL) AS q
WHERE f.job_id = %(job_id)s AND f.ordinal >= %(first)s ORDER BY f.ordinal LIMIT %(n)s;

-- name: defects_of
-- Count the quarantined records of a file for which the lake's own code failed.
SELECT count(*) FROM imports.quarantine
WHERE job_id = %(job_id)s AND file_id = %(file_id)s AND code = 'format_defect'
  AND status <> 'loaded';

-- name: poison_of
-- Return the byte ranges of a file that are not read again, in order: those quarantined as poison,
-- and those edited by hand, since the source is unchanged.
SELECT split_part(substr(locator, 7), '-', 1)::bigint AS start,
    split_part(locator, '-', 2)::bigint AS stop
FROM imports.quarantine
WHERE job_id = %(job_id)s AND file_id = %(file_id)s AND code = 'poison'
  AND (status <> 'loaded' OR mended IS NOT NULL) ORDER BY 1;

-- name: some_documents
-- Sample a job's documents: one in `step`.
SELECT id, record_key, data_type, source, record_type, source_timestamp, title, content,
    content_type, language, metadata, content_hash FROM user_data.documents
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND id > %(after)s
  AND id %% %(step)s = %(pick)s
ORDER BY id LIMIT %(n)s;

-- name: some_versions
-- Sample the older versions of a job: one in `step`.
SELECT version_id AS id, record_key, data_type, source, record_type, source_timestamp, title,
    content, content_type, language, metadata, content_hash FROM user_data.versions
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND version_id > %(after)s
  AND version_id %% %(step)s = %(pick)s
ORDER BY version_id LIMIT %(n)s;

-- name: entities_of
-- Return the entities that some documents mention.
SELECT m.record_key, e.value, e.name
FROM user_data.mentions AS m JOIN user_data.entities AS e USING (user_id, entity_key)
WHERE m.user_id = %(user_id)s AND m.record_key = ANY(%(keys)s);

-- name: bytes_kept
-- Count the quarantined records of a job that have their bytes.
SELECT count(*) FILTER (WHERE raw <> '') AS raw FROM imports.quarantine
WHERE job_id = %(job_id)s;

-- name: unread_times
-- Count positions and measured values of a job with the text of an unread time.
SELECT (SELECT count(*) FROM timeseries.locations
        WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND at < '1900-01-01 00:00:00+00'
          AND metadata->'time'->>'flag' = 'time_unread' AND metadata->'time'->>'text' <> '')
    + (SELECT count(*) FROM timeseries.metrics
        WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND at < '1900-01-01 00:00:00+00'
          AND metadata->'time'->>'flag' = 'time_unread' AND metadata->'time'->>'text' <> '') AS count;

-- name: mended_bytes
-- Return the bytes that were edited in quarantine.
SELECT mended FROM imports.quarantine WHERE job_id = %(job_id)s AND mended IS NOT NULL;

-- name: drift_names
-- Return the fields of a job that its formats did not know.
SELECT format, field FROM imports.drift WHERE job_id = %(job_id)s;

-- name: some_files
-- Return files of a job whose paths end in a name that a record gave, or with notes of a format.
SELECT id, path, format, media_type, ordinal IS NULL AS attached, context -> 'noted' AS noted
FROM imports.files
WHERE job_id = %(job_id)s AND id > %(after)s AND (ordinal IS NULL OR context ? 'noted')
  AND id %% %(step)s = %(pick)s
ORDER BY id LIMIT %(n)s;

-- name: words_unsaid
-- Sample a job's indexed documents, one in `step`, with whether words find the document that its
-- text lacks. A document that waits to be indexed again is left out.
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
-- Return the names of the files that chunks which are not done would continue from.
SELECT a.value AS name FROM imports.chunks AS c, jsonb_each_text(c.artefacts) AS a
WHERE c.job_id = %(job_id)s AND c.status <> 'done' AND a.key IN ('spool', 'mask', 'vectors')
ORDER BY c.id;
