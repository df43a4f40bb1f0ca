-- The receipts that are to be written beside their originals. All run as the ledger.

-- name: due
-- Return the jobs whose receipt is to be written, those that wait longest first.
SELECT job_id FROM imports.receipts_due GROUP BY job_id ORDER BY min(id) LIMIT %(n)s;

-- name: due_of
-- Return the changes of a job that its receipt lacks.
SELECT id FROM imports.receipts_due WHERE job_id = %(job_id)s;

-- name: take
-- Take the changes that a text of the receipt has, until the end of this transaction: another
-- process leaves the job out. Later changes stay due.
WITH taken AS MATERIALIZED (
    SELECT id FROM imports.jobs WHERE id = %(job_id)s FOR NO KEY UPDATE SKIP LOCKED)
DELETE FROM imports.receipts_due
WHERE job_id = (SELECT id FROM taken) AND id = ANY(%(ids)s::bigint[]) RETURNING id;

-- name: place
-- Return where the original of an ended job rests.
SELECT archived_path FROM imports.jobs WHERE id = %(job_id)s AND completed_at IS NOT NULL;

-- name: files
-- Count the files of a job.
SELECT count(*) FROM imports.files WHERE job_id = %(job_id)s;

-- name: is_due
-- Tell whether the receipt of a job is to be written.
SELECT count(*) > 0 AS due FROM imports.receipts_due WHERE job_id = %(job_id)s;
