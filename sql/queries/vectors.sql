-- Vectors that follow after the load. All run as one user, except where the ledger is named.

-- name: find_model
-- Return the id of a model, if it is registered.
SELECT id FROM vectors.models WHERE name = %(name)s AND revision = %(revision)s;

-- name: add_lacking
-- Queue findable documents that lack the vectors of a model, if their type is embedded.
INSERT INTO vectors.waiting (user_id, model, document_id)
SELECT s.user_id, %(model)s, s.document_id FROM user_data.search AS s
WHERE s.user_id = %(user_id)s
  AND (s.data_type = ANY(%(types)s) AND s.source <> ALL(%(never)s) OR s.source = ANY(%(always)s))
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s
      OR starts_with(s.source, %(source)s || '.'))
  AND (%(lang)s::text IS NULL OR s.language = %(lang)s)
  AND NOT EXISTS (SELECT FROM vectors.embeddings AS e
      WHERE e.model_id = %(model_id)s AND e.document_id = s.document_id)
ON CONFLICT (user_id, model, document_id) DO UPDATE SET attempts = 0
    WHERE vectors.waiting.attempts > 0;

-- name: take
-- Lease some waiting documents, the latest first. A lease longer than a new one dates from before
-- the clock was set back, and is ignored.
WITH taken AS (
    UPDATE vectors.waiting AS w SET attempts = attempts + 1,
        taken_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
    WHERE w.ctid = ANY(ARRAY(
        SELECT ctid FROM vectors.waiting
        WHERE user_id = %(user_id)s AND model = %(model)s AND (taken_until < clock_timestamp()
            OR taken_until > clock_timestamp() + make_interval(secs => %(lease_s)s + 5))
          AND attempts BETWEEN %(least)s AND %(most)s
        ORDER BY document_id DESC LIMIT %(n)s FOR UPDATE SKIP LOCKED))
    RETURNING w.document_id)
SELECT d.id, d.data_type, d.partition_at, d.title, d.content, d.xmin::text AS seen
FROM taken AS t JOIN user_data.search AS s USING (document_id)
JOIN user_data.documents AS d ON d.id = s.document_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at;

-- name: go_on
-- Extend the lease of a turn's documents.
UPDATE vectors.waiting SET taken_until = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE user_id = %(user_id)s AND model = %(model)s AND document_id = ANY(%(ids)s);

-- name: give_back
-- Give back the documents that a turn did not reach.
UPDATE vectors.waiting
SET taken_until = '-infinity', attempts = greatest(attempts - %(forgiven)s::int, 0)
WHERE user_id = %(user_id)s AND model = %(model)s AND document_id = ANY(%(ids)s);

-- name: stage_pieces
-- Create a table for the vectors of a turn, between COPY and insert.
CREATE TEMPORARY TABLE IF NOT EXISTS stage_pieces (
    document_id bigint, piece smallint, piece_start integer, piece_end integer, embedding vector
) ON COMMIT DELETE ROWS;
GRANT SELECT ON stage_pieces TO datapunk_owner;  -- vectors.put reads it

-- name: copy_pieces
-- Fill that table.
COPY stage_pieces FROM STDIN (FORMAT BINARY);

-- name: put
-- Replace the vectors of documents by the staged ones, if the documents are as they were read.
SELECT vectors.put(%(model_id)s, %(model)s, %(ids)s::bigint[], %(types)s::text[],
    %(ats)s::timestamptz[], %(seen)s::text[]) AS put;

-- name: progress
-- Count the documents of the user that have vectors of a tier, that wait for them, or that were
-- given up.
SELECT w.model, count(*) FILTER (WHERE w.attempts < %(most)s) AS waiting,
    count(*) FILTER (WHERE w.attempts >= %(most)s) AS given_up, (
    SELECT count(*) FROM vectors.embeddings AS e JOIN vectors.models AS m ON m.id = e.model_id
    WHERE m.tier = w.model AND e.user_id = %(user_id)s AND e.piece = 0
      AND NOT EXISTS (SELECT FROM vectors.waiting AS also WHERE also.user_id = e.user_id
          AND also.model = w.model AND also.document_id = e.document_id)) AS have
FROM vectors.waiting AS w WHERE w.user_id = %(user_id)s GROUP BY w.model ORDER BY w.model;

-- name: waits
-- Return whether any document waits for a model's vectors.
SELECT EXISTS (SELECT FROM vectors.waiting
    WHERE user_id = %(user_id)s AND model = %(model)s) AS waits;

-- name: vectored
-- Return which of these documents have vectors of a model.
SELECT document_id FROM vectors.embeddings
WHERE model_id = %(model_id)s AND user_id = %(user_id)s AND piece = 0
  AND document_id = ANY(%(ids)s);

-- name: queues
-- As the ledger: return users and models with waiting documents and without a running turn.
SELECT u.user_id, m.model FROM user_data.users AS u CROSS JOIN unnest(%(models)s::text[]) AS m (model)
WHERE EXISTS (SELECT FROM vectors.waiting AS w
        WHERE w.user_id = u.user_id AND w.model = m.model AND w.attempts < %(most)s)
    AND NOT EXISTS (SELECT FROM vectors.waiting AS t WHERE t.user_id = u.user_id
        AND t.model = m.model AND t.taken_until > clock_timestamp()
        AND t.taken_until < clock_timestamp() + make_interval(secs => %(lease_s)s + 5))
ORDER BY m.model DESC, u.user_id LIMIT %(n)s;

-- name: importing
-- As the ledger: return whether a chunk is at work, or only waits for a worker.
SELECT EXISTS (SELECT FROM imports.chunks WHERE status = 'leased'
    OR status = 'ready' AND not_before <= clock_timestamp()) AS importing;
