-- Retry, edit and discard quarantined records, and take imports back.

-- name: open_records
-- Return open records of a user from an id on. Their chunks are done, since other counts still
-- change.
SELECT q.id, q.job_id, q.user_id, q.file_id, q.chunk_id, q.locator, q.attempts, q.code,
    coalesce(q.mended, q.raw) AS raw, q.mended IS NOT NULL AS by_hand, c.format, c.embed, j.zone
FROM imports.quarantine AS q JOIN imports.chunks AS c ON c.id = q.chunk_id
    JOIN imports.jobs AS j ON j.id = q.job_id
WHERE q.status = 'open' AND q.id > %(after)s AND c.status = 'done'
  AND (%(job_id)s::uuid IS NULL OR q.job_id = %(job_id)s)
  AND (%(code)s::text IS NULL OR q.code = %(code)s)
  AND (%(id)s::bigint IS NULL OR q.id = %(id)s)
ORDER BY q.id LIMIT %(n)s;

-- name: waiting_records
-- Return open records that cannot be retried yet, because their chunk is not done.
SELECT count(*) FROM imports.quarantine AS q JOIN imports.chunks AS c ON c.id = q.chunk_id
WHERE q.status = 'open' AND c.status <> 'done'
  AND (%(job_id)s::uuid IS NULL OR q.job_id = %(job_id)s)
  AND (%(code)s::text IS NULL OR q.code = %(code)s)
  AND (%(id)s::bigint IS NULL OR q.id = %(id)s);

-- name: job_of
-- Return the facts about a job that a retry of its records needs.
SELECT id, user_id, status, archived_path, source_name, size_bytes, sha256, media_type,
    completed_at, remaining, records_seen
FROM imports.jobs WHERE id = %(job_id)s;

-- name: hold_job
-- Lock the job: the first statement of a transaction that changes its counts from outside its
-- chunks.
SELECT id, records_seen, records_quarantined, alerted_at FROM imports.jobs
WHERE id = %(job_id)s FOR NO KEY UPDATE;

-- name: mark_alerted
-- Note that the alert of a job was sent.
UPDATE imports.jobs SET alerted_at = now() WHERE id = %(job_id)s;

-- name: open_count
-- Count the open records of a job.
SELECT count(*) FROM imports.quarantine WHERE job_id = %(job_id)s AND status = 'open';

-- name: open_of_code
-- Count those with a code, and return the detail of the first.
SELECT count(*), (array_agg(detail ORDER BY id))[1] AS detail FROM imports.quarantine
WHERE job_id = %(job_id)s AND status = 'open' AND code = %(code)s;

-- name: hold_records
-- Lock the records that are still as they were read. Another retry may have ended the others.
SELECT q.id FROM imports.quarantine AS q
JOIN unnest(%(ids)s::bigint[], %(attempts)s::integer[]) AS k (id, attempts)
    ON q.id = k.id AND q.attempts = k.attempts
WHERE q.status = 'open' ORDER BY q.id FOR UPDATE OF q;

-- name: held_by_file
-- Return how many of these documents this file of the job has loaded already.
SELECT count(*) FROM unnest(%(types)s::text[], %(keys)s::uuid[], %(ats)s::timestamptz[])
    AS k (data_type, record_key, at)
WHERE EXISTS (SELECT FROM user_data.documents AS d
        WHERE d.user_id = %(user_id)s AND d.data_type = k.data_type
          AND d.record_key = k.record_key AND d.partition_at = k.at AND d.file_id = %(file_id)s)
   OR EXISTS (SELECT FROM imports.claims AS c
        WHERE c.user_id = %(user_id)s AND c.data_type = k.data_type
          AND c.record_key = k.record_key AND c.at = k.at AND c.file_id = %(file_id)s);

-- name: record_loaded
-- Close a retried record that loaded.
UPDATE imports.quarantine SET status = 'loaded', attempts = attempts + 1, became = %(became)s
WHERE id = %(id)s;

-- name: records_still_bad
-- Note that retried records were rejected again.
UPDATE imports.quarantine SET attempts = attempts + 1 WHERE id = ANY(%(ids)s);

-- name: count_again
-- Add differences to the counts of a job, of one of its files and of a chunk.
SELECT imports.count_again(%(job_id)s, %(file_id)s, %(chunk_id)s, %(by)s);

-- name: discard
-- Discard records. They stay in the counts of the job, and keep their bytes unless `--delete` is
-- given.
UPDATE imports.quarantine SET status = 'discarded', reason = %(reason)s,
    raw = CASE WHEN %(delete)s THEN '' ELSE raw END,
    mended = CASE WHEN %(delete)s THEN NULL ELSE mended END
WHERE status = 'open'
  AND (%(job_id)s::uuid IS NULL OR job_id = %(job_id)s)
  AND (%(code)s::text IS NULL OR code = %(code)s)
  AND (%(id)s::bigint IS NULL OR id = %(id)s)
RETURNING id, job_id;

-- name: mend
-- Store edited bytes beside the raw ones.
UPDATE imports.quarantine SET mended = %(mended)s WHERE id = %(id)s AND status = 'open'
RETURNING job_id;

-- name: export_page
-- Return the next quarantined records for an export, with their bytes.
SELECT q.id, q.job_id AS job, f.path, q.locator, q.stage, q.code, q.detail, q.status, q.attempts,
    q.reason, q.created_at, q.raw, q.mended
FROM imports.quarantine AS q JOIN imports.files AS f ON f.id = q.file_id
WHERE q.id > %(after)s
  AND (%(job_id)s::uuid IS NULL OR q.job_id = %(job_id)s)
  AND (%(code)s::text IS NULL OR q.code = %(code)s)
ORDER BY q.id LIMIT %(n)s;

-- name: unnoted
-- Return jobs whose duplicates were not noted, because an older version imported them.
SELECT count(*) FROM imports.jobs
WHERE NOT claims_kept AND id <> %(job_id)s AND records_duplicate > 0;

-- name: roll_back
-- Delete the rows of a job from the lake. Return their number by kind.
SELECT * FROM imports.roll_back(%(job_id)s);
