-- Read originals again with a better parser, and change only what differs. One transaction locks
-- the lake alone. It writes each outcome of some files of a job to `reread`, as keys and hashes,
-- compares these with the rows that the files have (`own`), and writes the decisions to `chosen`.
-- Only then is the content of rows to be written sent.

-- name: jobs
-- Return ended jobs of a user with files that a format may read in another way today.
SELECT j.id, j.user_id, j.source_name, j.archived_path, j.size_bytes, j.sha256, j.media_type,
    j.zone
FROM imports.jobs AS j
WHERE j.status = 'done' AND (%(job_id)s::uuid IS NULL OR j.id = %(job_id)s)
ORDER BY j.created_at, j.id;

-- name: files
-- Return members that the format read in other versions, and those that another format or none
-- read.
SELECT id, ordinal, path, sha256, disposition, format, format_version, counts
FROM imports.files
WHERE job_id = %(job_id)s AND ordinal > %(after)s AND sha256 IS NOT NULL AND settled
  AND ((format = %(format)s AND (format_version <> %(version)s OR %(every)s))
    OR (disposition = 'handled' AND format = ANY(%(weaker)s))
    OR disposition = 'unknown'
    OR (disposition = 'ignored' AND reason <> 'index_of_the_export'))
ORDER BY ordinal LIMIT %(n)s;

-- name: chunks_of
-- Return the chunks with the slices of some files, in order.
SELECT (s.value->>0)::bigint AS file_id, (s.value->>1)::bigint AS start, c.id, c.embed
FROM imports.chunks AS c, jsonb_array_elements(c.slices) AS s
WHERE c.job_id = %(job_id)s AND c.kind = 'records' AND c.status = 'done'
  AND c.last_error_code IS DISTINCT FROM 'split' AND (s.value->>0)::bigint = ANY(%(files)s)
ORDER BY 1, 2, c.id;

-- name: set_aside
-- Return the records of some files that are not read from the file: poison, and records edited by
-- hand.
SELECT q.id, q.file_id, q.chunk_id, q.code, q.status, q.mended,
    split_part(substr(q.locator, 7), '-', 1)::bigint AS start,
    split_part(q.locator, '-', 2)::bigint AS stop
FROM imports.quarantine AS q
WHERE q.job_id = %(job_id)s AND q.file_id = ANY(%(files)s)
  AND ((q.status = 'loaded' AND q.mended IS NOT NULL)
    OR (q.code = 'poison' AND q.status IN ('open', 'discarded')))
ORDER BY q.file_id, start, q.id;

-- name: hold_job
-- Lock the job if it is unchanged: the first statement of a transaction that changes its counts
-- from outside.
SELECT id FROM imports.jobs WHERE id = %(job_id)s AND status = 'done' FOR NO KEY UPDATE;

-- name: read_in_zone
-- Set the zone in which the job's clocks without a zone are read from now on.
UPDATE imports.jobs SET zone = %(zone)s WHERE id = %(job_id)s AND zone IS DISTINCT FROM %(zone)s;

-- name: insert_chunk
-- Insert a chunk for files that this format had not read. It is done with the commit.
INSERT INTO imports.chunks (job_id, user_id, kind, identity, stage, status, done_at, format,
    format_version, embed, slices)
VALUES (%(job_id)s, %(user_id)s, 'records', %(identity)s, 'load', 'done', now(), %(format)s,
    %(version)s, %(embed)s, %(slices)s)
RETURNING id;

-- name: leave_chunks
-- Remove files that another format reads now from their old chunks.
UPDATE imports.chunks AS c SET slices = coalesce((
    SELECT jsonb_agg(s.value ORDER BY s.nth) FROM jsonb_array_elements(c.slices)
        WITH ORDINALITY AS s (value, nth)
    WHERE (s.value->>0)::bigint <> ALL(%(files)s)), '[]')
WHERE c.id = ANY(%(chunks)s);

-- name: renew_chunks
-- Note with which version of the format some chunks were read.
UPDATE imports.chunks SET format_version = %(version)s
WHERE id = ANY(%(chunks)s) AND format_version IS DISTINCT FROM %(version)s;

-- name: create_reread
-- Create a table for the keys of all records that are read again.
CREATE TEMPORARY TABLE reread (
    slot integer, n integer, file_id bigint, chunk_id bigint, data_type text, plain_key uuid,
    base_key uuid, at timestamptz, content_hash uuid, by_hand bigint, shared_key uuid, becomes uuid
) ON COMMIT DROP;

-- name: create_bad
-- Create a table for the records that are rejected this time.
CREATE TEMPORARY TABLE bad (
    slot integer, n integer, file_id bigint, locator text, code text, detail text
) ON COMMIT DROP;

-- name: create_attached
-- Create a table for the paths of the attachments that come out this time.
CREATE TEMPORARY TABLE attached (path text) ON COMMIT DROP;

-- name: grant_reread
-- Let the functions of the owner read these tables.
GRANT SELECT ON reread, attached TO datapunk_owner;

-- name: grant_stage
-- Let the functions of the owner read the staged rows.
GRANT SELECT ON stage_documents, stage_locations, stage_metrics, stage_mentions, stage_relations
    TO datapunk_owner;

-- name: copy_reread
-- Fill `reread`.
COPY reread (slot, n, file_id, chunk_id, data_type, plain_key, base_key, at, content_hash, by_hand,
    shared_key)
FROM STDIN;

-- name: copy_bad
-- Fill `bad`.
COPY bad FROM STDIN;

-- name: copy_attached
-- Fill `attached`.
COPY attached FROM STDIN;

-- name: pair
-- Pair present rejections with quarantined records at the same place, one to one. A record that was
-- edited by hand is paired only after those that are still open.
CREATE TEMPORARY TABLE paired ON COMMIT DROP AS
SELECT h.id, h.status, h.by_hand, b.slot, b.n, b.code, b.detail
FROM (SELECT q.id, q.file_id, q.locator, q.status, q.mended IS NOT NULL AS by_hand,
        row_number() OVER (PARTITION BY q.file_id, q.locator ORDER BY CASE
            WHEN q.status = 'open' THEN 0 WHEN q.status = 'discarded' THEN 1
            WHEN q.mended IS NOT NULL THEN 2 ELSE 3 END, q.id) AS k
      FROM imports.quarantine AS q
      WHERE q.job_id = %(job_id)s AND q.file_id = ANY(%(files)s) AND q.status <> 'closed'
        AND NOT (q.code = 'poison' AND (q.status <> 'loaded' OR q.mended IS NOT NULL))) AS h
FULL JOIN (SELECT *, row_number() OVER (PARTITION BY file_id, locator ORDER BY slot, n) AS k
           FROM bad) AS b USING (file_id, locator, k);

-- name: read_in_place
-- Close the edits of records that the format can read from the original now.
UPDATE imports.quarantine AS q SET mended = NULL, became = 1
FROM paired AS p WHERE p.id = q.id AND p.n IS NULL AND q.status = 'loaded' AND p.by_hand;

-- name: drop_by_hand
-- Drop outcomes of edited bytes that are not needed: the original gives the record too, or can be
-- read.
DELETE FROM reread AS r WHERE r.by_hand IS NOT NULL AND (
    NOT EXISTS (SELECT FROM imports.quarantine AS q
        WHERE q.id = r.by_hand AND q.status = 'loaded' AND q.mended IS NOT NULL)
    OR EXISTS (SELECT FROM reread AS s WHERE s.by_hand IS NULL AND s.file_id = r.file_id
        AND s.base_key = r.base_key));

-- name: still_by_hand
-- Store what edited bytes give today. If they give nothing, the record is open again.
UPDATE imports.quarantine AS q SET
    status = CASE WHEN x.good THEN 'loaded' ELSE 'open' END,
    became = CASE WHEN x.good
        THEN (SELECT count(*) FROM reread AS r WHERE r.by_hand = q.id) END
FROM unnest(%(ids)s::bigint[], %(good)s::boolean[]) AS x (id, good)
WHERE q.id = x.id AND q.status = 'loaded' AND q.mended IS NOT NULL;

-- name: close_good
-- Close quarantined records that are good now.
UPDATE imports.quarantine AS q SET status = 'loaded', became = 1, attempts = attempts + 1
FROM paired AS p WHERE p.id = q.id AND p.n IS NULL AND q.status IN ('open', 'discarded')
RETURNING q.id;

-- name: keep_bad
-- Update records that are still bad, or bad again, with their present code.
UPDATE imports.quarantine AS q SET status = 'open', code = p.code, detail = p.detail
FROM paired AS p
WHERE p.id = q.id AND p.n IS NOT NULL
  AND (q.status = 'open' OR (q.status = 'loaded' AND q.mended IS NULL))
  AND (q.status, q.code, q.detail) <> ('open', p.code, p.detail);

-- name: newly_bad
-- Return rejections without a quarantined record.
SELECT slot, n FROM paired WHERE id IS NULL ORDER BY slot, n;

-- name: last_position
-- Return the last position among the quarantined records of a chunk.
SELECT coalesce(max(position), -1) AS last FROM imports.quarantine WHERE chunk_id = %(chunk)s;

-- name: create_own
-- Create a table for the stored records of the job that is read again.
CREATE TEMPORARY TABLE own (
    ref bigint GENERATED ALWAYS AS IDENTITY, id bigint, version_id bigint, data_type text,
    record_key uuid, at timestamptz, content_hash uuid, source text, file_id bigint, chunk_id bigint,
    own_key text
) ON COMMIT DROP;

-- name: clear_own
-- Empty that table for the next part.
TRUNCATE own;

-- name: fill_own
-- Fill it with the rows of some files of the job.
INSERT INTO own (id, version_id, data_type, record_key, at, content_hash, source, file_id, chunk_id,
    own_key)
SELECT id, NULL, data_type, record_key, partition_at, content_hash, source, file_id, chunk_id,
    metadata->>'own_key'
FROM user_data.documents
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND file_id = ANY(%(files)s)
UNION ALL
SELECT id, version_id, data_type, record_key, partition_at, content_hash, source, file_id, chunk_id,
    metadata->>'own_key'
FROM user_data.versions
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND file_id = ANY(%(files)s)
UNION ALL
SELECT NULL, NULL, 'locations', record_key, at, NULL, source, file_id, chunk_id, NULL
FROM timeseries.locations
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND file_id = ANY(%(files)s)
UNION ALL
SELECT NULL, NULL, 'metrics', record_key, at, NULL, source, file_id, chunk_id, NULL
FROM timeseries.metrics
WHERE user_id = %(user_id)s AND job_id = %(job_id)s AND file_id = ANY(%(files)s);

-- name: analyze_reread
-- Compute statistics of these tables for the planner.
ANALYZE reread, own;

-- name: name_once
-- Give each record of a format without repeats its plain key: equal records of a file are one fact.
UPDATE reread SET becomes = plain_key;

-- name: name_shared
-- Choose the key of each record that may share one. Rows of the file under keys of their own keep
-- them. The row with the shared key is the record whose own key it names, else the most similar
-- one. A record without a row of the file is named as a load would name it.
WITH candidates AS (
    SELECT file_id, data_type, plain_key, shared_key, at, content_hash, slot, n,
        EXISTS (SELECT FROM own AS o WHERE o.file_id = r.file_id AND o.record_key = r.plain_key)
            AS apart
    FROM reread AS r WHERE shared_key IS NOT NULL),
holders AS (
    SELECT DISTINCT ON (s.file_id, s.shared_key) s.file_id, s.shared_key, s.plain_key
    FROM candidates AS s JOIN own AS o ON o.file_id = s.file_id AND o.record_key = s.shared_key
    WHERE NOT s.apart
    ORDER BY s.file_id, s.shared_key, o.own_key IS DISTINCT FROM user_data.in_letters(s.plain_key),
        o.content_hash IS DISTINCT FROM s.content_hash, s.slot, s.n),
others AS (
    SELECT s.*, h.plain_key AS holder, user_data.how_shared(s.data_type, s.plain_key, s.shared_key,
        s.at, s.content_hash, %(format)s, %(version)s) AS how
    FROM candidates AS s LEFT JOIN LATERAL (SELECT d.file_id FROM user_data.documents AS d
        WHERE d.user_id = %(user_id)s AND d.data_type = s.data_type
          AND d.record_key = s.shared_key AND d.partition_at = s.at LIMIT 1) AS held ON true
    LEFT JOIN holders AS h ON h.file_id = held.file_id AND h.shared_key = s.shared_key
    LEFT JOIN (SELECT DISTINCT file_id, shared_key FROM holders) AS here
        ON here.file_id = s.file_id AND here.shared_key = s.shared_key
    WHERE NOT s.apart AND here.file_id IS NULL),
first AS (
    SELECT DISTINCT ON (shared_key) shared_key, plain_key FROM others
    WHERE holder IS NULL AND how = 'free' ORDER BY shared_key, slot, n),
called AS (
    SELECT file_id, shared_key, plain_key FROM holders
    UNION
    SELECT o.file_id, o.shared_key, o.plain_key FROM others AS o LEFT JOIN first USING (shared_key)
    WHERE CASE WHEN o.holder IS NOT NULL THEN o.holder = o.plain_key
        WHEN o.how = 'free' THEN first.plain_key = o.plain_key
        ELSE o.how IN ('this', 'alike', 'unknown') END)
UPDATE reread AS r SET becomes = r.shared_key FROM called AS c
WHERE r.file_id = c.file_id AND r.shared_key = c.shared_key AND r.plain_key = c.plain_key;

-- name: loop_no_joins
-- Forbid nested loops in this transaction. The planner takes a count over counted rows for one row,
-- and would loop over 40,000 times 40,000.
SET LOCAL enable_nestloop = off;

-- name: loop_joins
-- Allow nested loops in this transaction, where few rows are joined to many.
SET LOCAL enable_nestloop = on;

-- name: name_repeats
-- Number equal records of a file, which are several facts. A record that equals a row keeps the
-- row's number; the order of loading does not matter. The others take the numbers that are left, in the
-- order of the file.
WITH numbered AS (
    SELECT slot, n, file_id, base_key, content_hash,
        row_number() OVER (PARTITION BY file_id, base_key ORDER BY slot, n) AS nth,
        row_number() OVER (PARTITION BY file_id, base_key, content_hash ORDER BY slot, n) AS twin
    FROM reread),
places AS (
    SELECT s.file_id, s.base_key, s.nth, k.key, o.content_hash,
        row_number() OVER (PARTITION BY s.file_id, s.base_key, o.content_hash ORDER BY s.nth) AS twin
    FROM numbered AS s
    CROSS JOIN LATERAL (SELECT user_data.occurrence_key(s.base_key, s.nth::integer) AS key) AS k
    LEFT JOIN own AS o ON o.file_id = s.file_id AND o.record_key = k.key),
same AS (
    SELECT s.slot, s.n, p.file_id, p.base_key, p.nth, p.key
    FROM numbered AS s JOIN places AS p USING (file_id, base_key, content_hash, twin)),
others AS (
    SELECT s.slot, s.n, s.file_id, s.base_key,
        row_number() OVER (PARTITION BY s.file_id, s.base_key ORDER BY s.nth) AS k
    FROM numbered AS s WHERE NOT EXISTS (SELECT FROM same WHERE same.slot = s.slot AND same.n = s.n)),
free AS (
    SELECT p.file_id, p.base_key, p.key,
        row_number() OVER (PARTITION BY p.file_id, p.base_key ORDER BY p.nth) AS k
    FROM places AS p WHERE NOT EXISTS (SELECT FROM same
        WHERE (same.file_id, same.base_key, same.nth) = (p.file_id, p.base_key, p.nth)))
UPDATE reread AS r SET becomes = x.key
FROM (SELECT slot, n, key FROM same
      UNION ALL
      SELECT o.slot, o.n, f.key FROM others AS o JOIN free AS f USING (file_id, base_key, k)) AS x
WHERE r.slot = x.slot AND r.n = x.n;

-- name: forget_unsaid
-- Delete claims and attachments of the job that its files do not give any more.
SELECT imports.forget_unsaid(%(job_id)s, %(files)s::bigint[]);

-- name: leave
-- Select the rows that their file does not give any more. (An outer join, since with OR, NOT EXISTS
-- would run for each row.)
CREATE TEMPORARY TABLE leaving ON COMMIT DROP AS
SELECT o.data_type, o.record_key, o.at, o.version_id, o.file_id
FROM (SELECT *, row_number() OVER (PARTITION BY file_id, record_key
        ORDER BY version_id NULLS FIRST, ref) AS nth FROM own) AS o
LEFT JOIN (SELECT DISTINCT file_id, becomes FROM reread) AS r
    ON r.file_id = o.file_id AND r.becomes = o.record_key
WHERE o.nth > 1 OR r.becomes IS NULL;

-- name: grant_leaving
-- Let the functions of the owner read the records that leave.
GRANT SELECT ON leaving TO datapunk_owner;

-- name: let_go
-- Delete the records that are not read any more from the lake. Return their number by kind.
SELECT g.*, (SELECT count(*) FROM leaving) AS rows FROM imports.let_go(%(job_id)s) AS g;

-- name: choose
-- Choose one outcome for each record of a file: the one that equals the row, else the first.
CREATE TEMPORARY TABLE chosen ON COMMIT DROP AS
SELECT DISTINCT ON (r.file_id, r.becomes) r.slot, r.n, r.file_id, r.chunk_id, r.data_type,
    r.becomes AS key, r.at, r.content_hash, o.id, o.version_id, o.data_type AS own_type,
    o.at AS own_at, o.chunk_id AS own_chunk,
    CASE WHEN o.ref IS NULL THEN 'new'
        WHEN r.data_type IN ('locations', 'metrics') THEN 'compare'
        WHEN o.content_hash = r.content_hash AND o.source = %(format)s
            AND (o.version_id IS NOT NULL OR (o.at = r.at AND o.data_type = r.data_type)) THEN 'same'
        ELSE 'changed' END AS state
FROM reread AS r LEFT JOIN own AS o ON o.file_id = r.file_id AND o.record_key = r.becomes
ORDER BY r.file_id, r.becomes, o.content_hash IS NOT DISTINCT FROM r.content_hash DESC,
    o.version_id NULLS FIRST, r.slot, r.n;

-- name: index_chosen
-- Index the chosen records by slice.
CREATE INDEX ON chosen (slot);

-- name: grant_chosen
-- Let the functions of the owner read the chosen records.
GRANT SELECT ON chosen TO datapunk_owner;

-- name: leave_to_others
-- Keep records as duplicates if another file's row has them, unless that file was read in the same
-- version and differs. Then they are two versions, as in a new import.
UPDATE chosen AS x SET state = 'had'
FROM imports.claims AS c
WHERE x.state = 'new' AND c.user_id = %(user_id)s AND c.job_id = %(job_id)s
  AND c.file_id = x.file_id AND c.record_key = x.key
  AND NOT EXISTS (SELECT FROM user_data.documents AS d JOIN imports.files AS f ON f.id = d.file_id
      WHERE d.user_id = %(user_id)s AND d.data_type = c.data_type AND d.record_key = c.record_key
        AND d.partition_at = c.at AND d.job_id <> %(job_id)s AND d.source = %(format)s
        AND f.format_version = %(version)s AND d.content_hash <> x.content_hash);

-- name: analyze_chosen
-- Give the planner statistics of the chosen records.
ANALYZE chosen;

-- name: states
-- Return what to do with the outcomes of some slots.
SELECT slot, n, CASE WHEN data_type IN ('locations', 'metrics') THEN data_type ELSE 'documents' END
    AS "table", state, key
FROM chosen WHERE slot BETWEEN %(first)s AND %(last)s ORDER BY slot, n;

-- name: clear_stage
-- Empty the staged rows for the next part.
TRUNCATE stage_documents, stage_locations, stage_metrics, stage_mentions, stage_relations,
    stage_vectors;

-- name: renew_documents
-- Replace stored documents by those that were read again. Return counts by file and chunk.
SELECT key, file, chunk, merged, reworded
FROM user_data.renew_documents(%(job_id)s, %(version)s, %(file_ids)s::bigint[]);

-- name: renew_series
-- Replace stored locations or metrics by those that were read again.
SELECT file, chunk, merged, count(*) AS rows
FROM timeseries.renew(%(series)s, %(job_id)s, %(file_ids)s::bigint[]) GROUP BY 1, 2, 3;

-- name: forget_meaning
-- Delete mentions and relations that the documents do not make any more.
SELECT user_data.forget_meaning();

-- name: outcomes
-- Count for each file and chunk the good outcomes, those with a row of the file, and those rows.
SELECT x.file_id, x.chunk_id, sum(x.good)::bigint AS good, sum(x.stands)::bigint AS stands,
    sum(x.rows)::bigint AS rows
FROM (SELECT file_id, chunk_id, count(*) AS good, 0 AS stands, 0 AS rows FROM reread GROUP BY 1, 2
      UNION ALL
      SELECT file_id, chunk_id, 0, count(*), 0 FROM chosen
      WHERE state IN ('same', 'changed', 'compare') GROUP BY 1, 2
      UNION ALL
      SELECT file_id, chunk_id, 0, 0, count(*) FROM own GROUP BY 1, 2) AS x
GROUP BY 1, 2;

-- name: still_bad
-- Count the records of some files that stay in quarantine, by chunk.
SELECT file_id, chunk_id, count(*) FROM imports.quarantine
WHERE job_id = %(job_id)s AND file_id = ANY(%(files)s) AND status IN ('open', 'discarded')
GROUP BY 1, 2;

-- name: tallies
-- Return the counts that the chunks of a job have for some files.
SELECT c.id AS chunk_id, t.key::bigint AS file_id, t.value AS counts
FROM imports.chunks AS c, jsonb_each(c.tally) AS t
WHERE c.job_id = %(job_id)s AND c.kind = 'records' AND t.key::bigint = ANY(%(files)s);

-- name: renew_file
-- Mark a file that had no format as handled.
UPDATE imports.files SET disposition = 'handled', reason = NULL, detail = NULL,
    format = %(format)s, format_version = %(version)s, context = %(context)s,
    encoding = %(encoding)s, counts = %(zero)s::jsonb || counts
WHERE id = %(file_id)s;

-- name: drop_drift
-- Delete the drift of fields that the format knows now.
DELETE FROM imports.drift WHERE job_id = %(job_id)s AND format = %(format)s
  AND (%(fields)s::text[] IS NULL OR field = ANY(%(fields)s));
