-- Exports in parts. A transaction that changes a set and its chunks locks the set's row first.

-- name: join_set
-- Add a part to its set, which waits for the others from now on, whatever its state was.
WITH s AS (
    INSERT INTO imports.sets (user_id, stem, waits_until)
    VALUES (%(user_id)s, %(stem)s, clock_timestamp() + make_interval(secs => %(wait_s)s))
    ON CONFLICT (user_id, stem) DO UPDATE
        SET state = 'open', waits_until = excluded.waits_until, checked_at = NULL
    RETURNING id)
UPDATE imports.jobs
SET set_id = s.id, set_file = %(file)s, set_part = %(part)s, bare = %(bare)s
FROM s WHERE imports.jobs.id = %(job_id)s;

-- name: check_again
-- Have the set compared again, because a part of it is read anew.
UPDATE imports.sets SET checked_at = NULL
WHERE id = (SELECT set_id FROM imports.jobs WHERE id = %(job_id)s);

-- name: go_on
-- End the wait of a set: no part will follow.
UPDATE imports.sets SET waits_until = clock_timestamp()
WHERE id = %(set_id)s AND state = 'open' RETURNING id;

-- name: to_settle
-- Return the sets that wait for parts, or that parts joined.
SELECT id FROM imports.sets WHERE state = 'open' OR checked_at IS NULL ORDER BY id;

-- name: hold_set
-- Lock a set, unless another process has it.
SELECT id, user_id, stem, state, checked_at IS NULL AS changed,
    waits_until <= clock_timestamp() AS due
FROM imports.sets WHERE id = %(set_id)s FOR UPDATE SKIP LOCKED;

-- name: wait_on
-- Keep a set waiting for a part that arrived and is not read yet, however long that takes.
UPDATE imports.sets SET waits_until = clock_timestamp() + interval '5 minutes'
WHERE id = %(set_id)s AND state = 'open'
  AND waits_until < clock_timestamp() + interval '1 minute';

-- name: settle
-- Store the state of a set. If its files were compared, also store when, and the numbers of listed
-- and missing files.
UPDATE imports.sets
SET state = %(state)s,
    checked_at = CASE WHEN %(compared)s THEN now() ELSE checked_at END,
    listed = CASE WHEN %(compared)s THEN %(listed)s::integer ELSE listed END,
    missing = CASE WHEN %(compared)s THEN %(missing)s::integer ELSE missing END
WHERE id = %(set_id)s;

-- name: release_chunks
-- Release the chunks of a set that is whole, or whose wait is over.
UPDATE imports.chunks AS c
SET waits_for_set = false,
    not_before = CASE WHEN c.status = 'ready' THEN least(c.not_before, now()) ELSE c.not_before END
FROM imports.jobs AS j
WHERE j.id = c.job_id AND j.set_id = %(set_id)s AND c.waits_for_set;

-- name: prolong_chunks
-- Prolong the wait of chunks to that of their set, since another part joined after they were cut.
UPDATE imports.chunks AS c
SET not_before = s.waits_until
FROM imports.jobs AS j JOIN imports.sets AS s ON s.id = j.set_id
WHERE s.id = %(set_id)s AND j.id = c.job_id AND c.waits_for_set AND c.status = 'ready'
  AND c.not_before < s.waits_until;

-- name: one_set
-- Return the sets of that name; each user may have one.
SELECT s.*, u.name AS user_name FROM imports.sets AS s JOIN user_data.users AS u USING (user_id)
WHERE s.stem = %(stem)s AND (%(user)s::text IS NULL OR u.name = %(user)s) ORDER BY u.name;

-- name: sets_of
-- Return the sets of these jobs.
SELECT s.*, u.name AS user_name FROM imports.sets AS s JOIN user_data.users AS u USING (user_id)
WHERE s.id IN (SELECT set_id FROM imports.jobs WHERE id = ANY(%(jobs)s)) ORDER BY s.id;

-- name: set_of
-- Return the set of a job, for a role that may not read names of users.
SELECT s.* FROM imports.sets AS s JOIN imports.jobs AS j ON j.set_id = s.id WHERE j.id = %(job_id)s;

-- name: recent_sets
-- Return the newest sets of one user, or of all.
SELECT s.*, u.name AS user_name FROM imports.sets AS s JOIN user_data.users AS u USING (user_id)
WHERE %(user)s::text IS NULL OR u.name = %(user)s ORDER BY s.id DESC LIMIT %(n)s;

-- name: parts
-- Return the jobs of a set. For a duplicate, the files are those of the earlier job.
SELECT j.id, j.set_file AS file, j.set_part AS part, j.bare, j.source_name, j.status, j.outcome,
    j.error_code, coalesce(j.duplicate_of, j.id) AS files_of, j.records_seen, j.records_loaded,
    j.records_duplicate, j.records_quarantined,
    (SELECT c.status FROM imports.chunks AS c
        WHERE c.job_id = j.id AND c.kind = 'upload') AS upload
FROM imports.jobs AS j WHERE j.set_id = %(set_id)s
ORDER BY j.set_file, j.set_part, j.created_at;

-- name: waiting
-- Count the files that wait for the whole of a set, by format.
SELECT c.format, count(DISTINCT s.value->>0) AS files
FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id,
    jsonb_array_elements(c.slices) AS s
WHERE j.set_id = %(set_id)s AND c.waits_for_set AND c.status = 'ready'
  AND c.not_before > clock_timestamp()
GROUP BY 1 ORDER BY 1;

-- name: pages
-- Return pages of some jobs that list an export, and files in their place that could not be read.
SELECT DISTINCT path, coalesce(reason = 'index_of_the_export', false) AS understood
FROM imports.files
WHERE job_id = ANY(%(jobs)s) AND ordinal IS NOT NULL
  AND (reason = 'index_of_the_export' OR path ~* '^(.*!/)?Takeout/[^/]+\.html?$')
ORDER BY path;

-- name: listed_counts
-- Count the files that the pages of some jobs list, and those that could not be exported.
SELECT count(DISTINCT path) AS listed, count(DISTINCT path) FILTER (WHERE failed) AS failed
FROM imports.manifest_entries WHERE job_id = ANY(%(jobs)s);

-- name: missing
-- Return files that the pages of some jobs list and none of the jobs has, except those that could
-- not be exported. The page may give a product's folder another name, so the folder only counts for
-- files directly in it.
WITH listed AS (
    SELECT DISTINCT path,
        '/' || CASE WHEN path ~ '/.*/' THEN regexp_replace(path, '^[^/]*/', '') ELSE path END AS tail
    FROM imports.manifest_entries WHERE job_id = ANY(%(jobs)s) AND NOT failed
), held AS (
    SELECT '/' || imports.plain_path(path) AS path FROM imports.files
    WHERE job_id = ANY(%(jobs)s) AND ordinal IS NOT NULL
)
SELECT l.path FROM listed AS l
WHERE NOT EXISTS (SELECT FROM held AS h
    WHERE substring(h.path FROM '[^/]*/[^/]*$') = substring(l.tail FROM '[^/]*/[^/]*$')
      AND right(h.path, length(l.tail)) = l.tail)
ORDER BY 1 LIMIT %(n)s;

-- name: list
-- Store a part of the list of a page. Each page lists its files once.
INSERT INTO imports.manifest_entries (job_id, file_id, position, user_id, path, failed)
SELECT %(job_id)s, %(file_id)s, %(first)s + x.nth, %(user_id)s, x.path, x.failed
FROM unnest(%(paths)s::text[], %(failed)s::boolean[]) WITH ORDINALITY AS x (path, failed, nth)
ON CONFLICT DO NOTHING;

-- name: settled
-- Return when a job's set was last compared; NULL while that may change. A job without a set is
-- complete when its chunks are released.
SELECT CASE WHEN j.set_id IS NULL THEN j.created_at WHEN s.state <> 'open' THEN s.checked_at END
    AS since
FROM imports.jobs AS j LEFT JOIN imports.sets AS s ON s.id = j.set_id WHERE j.id = %(job_id)s;

-- name: folder
-- Return the files of a job's set, or of the job alone, in the same folder as a path.
SELECT f.path, f.size_bytes AS size, f.sha256, coalesce(f.media_type, '') AS media_type, f.format,
    f.context
FROM imports.files AS f
WHERE f.job_id IN (
        SELECT %(job_id)s::uuid
        UNION SELECT coalesce(p.duplicate_of, p.id) FROM imports.jobs AS j
        JOIN imports.jobs AS p ON p.set_id = j.set_id WHERE j.id = %(job_id)s)
  AND f.ordinal IS NOT NULL
  AND f.folder_hash = hashtextextended(imports.folder_of(%(path)s), 0)
  AND imports.folder_of(f.path) = imports.folder_of(%(path)s)
  AND f.disposition <> 'rejected' AND f.sha256 IS NOT NULL
ORDER BY f.path, f.id;

-- name: bare
-- Return the parts of a job's set that are one media file each.
SELECT f.path, f.size_bytes AS size, f.sha256, coalesce(f.media_type, '') AS media_type, f.format
FROM imports.jobs AS j JOIN imports.jobs AS p ON p.set_id = j.set_id AND p.bare
JOIN imports.files AS f ON f.job_id = coalesce(p.duplicate_of, p.id) AND f.ordinal = 0
WHERE j.id = %(job_id)s AND f.disposition <> 'rejected' AND f.sha256 IS NOT NULL
ORDER BY f.path, f.id;
