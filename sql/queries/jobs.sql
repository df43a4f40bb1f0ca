-- Jobs, their files, and what the commands ask about them.

-- name: ensure_user
-- Return the user of that name, and insert it if it is new.
INSERT INTO user_data.users (name) VALUES (%(name)s) ON CONFLICT (name) DO NOTHING;

-- name: user_id
-- Return the id of the user of that name.
SELECT user_id FROM user_data.users WHERE name = %(name)s;

-- name: users
-- Return all users by name.
SELECT user_id, name FROM user_data.users ORDER BY name;

-- name: become
-- Limit this transaction to the rows of one user.
SELECT set_config('app.user_id', %(user_id)s::text, true);

-- name: become_and_hold
-- Limit this transaction to one user and lock the user's rows, shared, or alone for a rollback.
SELECT set_config('app.user_id', %(user_id)s::text, true), imports.hold_lake(%(user_id)s, %(alone)s);

-- name: enter
-- The same for a transaction that writes content read under a policy. Return whether it may.
SELECT imports.enter(%(user_id)s, %(alone)s, %(moves)s, %(policy)s) AS entered;

-- name: enter_stored
-- The same for a transaction that writes content made from stored rows.
SELECT imports.enter_stored(%(user_id)s, %(purpose)s, %(since)s) AS entered;

-- name: announce_policy
-- Announce the policy of this host. Return whether it is the present one.
SELECT imports.announce_policy(%(user_id)s, %(policy)s, %(host)s, %(by_hand)s) AS present;

-- name: insert_job
-- Insert a job for a file that was taken in. Its upload chunk follows in the same transaction.
INSERT INTO imports.jobs (id, user_id, source_name, expected_sha256, zone, remaining)
VALUES (%(job_id)s, %(user_id)s, %(source_name)s, %(expected_sha256)s, %(zone)s, 1)
ON CONFLICT (id) DO NOTHING
RETURNING id;

-- name: insert_upload
-- Insert the first chunk of a job: the dropped file itself.
INSERT INTO imports.chunks (job_id, user_id, kind, identity, stage)
VALUES (%(job_id)s, %(user_id)s, 'upload', 'upload', 'validate')
RETURNING id;

-- name: measured
-- Note what `validate` measured. Fails on jobs_one_archive if the user has this archive already.
UPDATE imports.jobs
SET sha256 = %(sha256)s, size_bytes = %(size)s, media_type = %(media_type)s, scan = %(scan)s,
    exported_at = %(exported_at)s
WHERE id = %(job_id)s;

-- name: twin
-- Return the job that has the same bytes for the same user.
SELECT id FROM imports.jobs
WHERE user_id = %(user_id)s AND sha256 = %(sha256)s AND outcome IS NULL AND id <> %(job_id)s;

-- name: mark_duplicate
-- End a job as a duplicate of another job of the same user.
UPDATE imports.jobs
SET outcome = 'duplicate', duplicate_of = %(twin)s, sha256 = %(sha256)s, size_bytes = %(size)s,
    media_type = %(media_type)s, status = 'finishing'
WHERE id = %(job_id)s;

-- name: insert_files
-- Insert members of an archive, in order. A member of an earlier attempt keeps its id.
INSERT INTO imports.files (job_id, user_id, ordinal, path, media_type, size_bytes, sha256,
    encoding, disposition, reason, detail, scan, format, format_version, context, settled)
SELECT %(job_id)s, %(user_id)s, x.ordinal, x.path, x.media_type, x.size_bytes, x.sha256,
    x.encoding, x.disposition, x.reason, x.detail, x.scan, x.format, x.format_version,
    coalesce(x.context, '{}'), x.settled
FROM jsonb_to_recordset(%(files)s) AS x (ordinal integer, path text, media_type text,
    size_bytes bigint, sha256 text, encoding text, disposition text, reason text, detail text,
    scan text, format text, format_version integer, context jsonb, settled boolean)
ON CONFLICT (job_id, ordinal, user_id) WHERE ordinal IS NOT NULL
    DO UPDATE SET settled = imports.files.settled OR excluded.settled
RETURNING id, ordinal;

-- name: insert_attachments
-- Insert files that came out of records, identified by their path within the job.
INSERT INTO imports.files (job_id, user_id, path, media_type, size_bytes, sha256, disposition,
    reason, format, settled)
SELECT %(job_id)s, %(user_id)s, x.path, x.media_type, x.size_bytes, x.sha256, 'handled',
    NULL, x.format, true
FROM jsonb_to_recordset(%(files)s)
    AS x (path text, media_type text, size_bytes bigint, sha256 text, format text)
ON CONFLICT (job_id, md5(path), user_id) WHERE ordinal IS NULL DO NOTHING;

-- name: sum_scans
-- Sum up the scans of an archive's members, the most frequent first: "81 clean; 2 not_scanned: …".
UPDATE imports.jobs SET scan = summary.line
FROM (SELECT string_agg(n || ' ' || scan, '; ' ORDER BY n DESC, scan) AS line
      FROM (SELECT scan, count(*) AS n FROM imports.files
            WHERE job_id = %(job_id)s AND scan IS NOT NULL
            GROUP BY scan ORDER BY n DESC, scan LIMIT 10) AS counted) AS summary
WHERE id = %(job_id)s AND summary.line IS NOT NULL;

-- name: settled_ordinals
-- Return the members that an earlier attempt of this extract has ended, as ranges: there may be
-- millions.
SELECT lower(r) AS first, upper(r) AS stop
FROM (SELECT unnest(range_agg(int4range(ordinal, ordinal + 1))) AS r FROM imports.files
    WHERE job_id = %(job_id)s AND settled AND ordinal IS NOT NULL) AS ranges
ORDER BY 1;

-- name: files_of
-- Return files by id, to open their slices.
SELECT id, path, ordinal, media_type, size_bytes, sha256, encoding, context, format
FROM imports.files WHERE id = ANY(%(ids)s);

-- name: handled_files
-- Return the members of a job that chunks are cut from.
SELECT ordinal, sha256, encoding, format FROM imports.files
WHERE job_id = %(job_id)s AND disposition = 'handled' AND ordinal IS NOT NULL;

-- name: quarantine
-- Insert rejected records. If a chunk begins anew under another policy, the bytes are those of the
-- last reading; bytes that a person deleted stay deleted.
INSERT INTO imports.quarantine
    (job_id, user_id, file_id, chunk_id, position, locator, stage, code, detail, raw)
VALUES (%(job_id)s, %(user_id)s, %(file_id)s, %(chunk_id)s, %(position)s, %(locator)s, %(stage)s,
    %(code)s, %(detail)s, %(raw)s)
ON CONFLICT (chunk_id, position, user_id)
    DO UPDATE SET raw = excluded.raw, detail = excluded.detail
    WHERE imports.quarantine.raw <> excluded.raw AND imports.quarantine.raw <> '';

-- name: job_facts
-- Return what the end of a job depends on.
SELECT j.id, j.source_name, j.outcome, j.error_code, j.error_detail, j.created_at, j.records_seen,
    u.name AS user_name
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id) WHERE j.id = %(job_id)s;

-- name: tallies
-- Return the counts of each chunk of a job that is done. The others have loaded nothing.
SELECT tally FROM imports.chunks
WHERE job_id = %(job_id)s AND kind = 'records' AND status = 'done';

-- name: file_counts
-- Set the counts of a job's files at its end: the sums over its chunks that are done, in SQL since
-- a job may have millions of files.
UPDATE imports.files AS f SET counts = x.counts
FROM (SELECT n.id,
        '{"seen": 0, "loaded": 0, "duplicate": 0, "quarantined": 0, "items": 0}'::jsonb
            || jsonb_object_agg(n.name, n.total) AS counts
    FROM (SELECT t.key::bigint AS id, c.key AS name, sum(c.value::bigint)::bigint AS total
        FROM imports.chunks AS k, jsonb_each(k.tally) AS t, jsonb_each_text(t.value) AS c
        WHERE k.job_id = %(job_id)s AND k.kind = 'records' AND k.status = 'done'
        GROUP BY 1, 2) AS n
    GROUP BY 1) AS x
WHERE f.id = x.id AND f.job_id = %(job_id)s;

-- name: close_job
-- Close the job, once. If its original is gone, note that.
UPDATE imports.jobs
SET status = coalesce(outcome, 'done'), completed_at = now(), archived_path = %(archived_path)s,
    error_code = CASE WHEN %(archived_path)s::text IS NULL
        THEN coalesce(error_code, 'original_gone') ELSE error_code END,
    error_detail = CASE WHEN %(archived_path)s::text IS NULL
        THEN concat_ws(' ', error_detail, %(gone)s::text) ELSE error_detail END
WHERE id = %(job_id)s AND completed_at IS NULL;

-- name: event
-- Append to the audit trail.
INSERT INTO imports.events (user_id, job_id, chunk_id, kind, detail)
VALUES (%(user_id)s, %(job_id)s, %(chunk_id)s, %(kind)s, %(detail)s);

-- name: events_of
-- Return the audit trail of one job, or of all: the latest events, in order of time.
SELECT * FROM (
    SELECT e.id, e.at, e.actor, e.kind, e.job_id AS job, e.chunk_id AS chunk, e.detail, u.name AS "user"
    FROM imports.events AS e LEFT JOIN user_data.users AS u USING (user_id)
    WHERE %(job_id)s::uuid IS NULL OR e.job_id = %(job_id)s
    ORDER BY e.id DESC LIMIT %(n)s) AS latest
ORDER BY id;

-- name: one_job
-- Return one job with its user's name, by its id or the beginning of its id.
SELECT j.*, u.name AS user_name,
    (SELECT count(*) FROM imports.chunks c WHERE c.job_id = j.id AND c.kind = 'records') AS chunks,
    (SELECT count(*) FROM imports.chunks c
        WHERE c.job_id = j.id AND c.kind = 'records' AND c.status = 'done') AS chunks_done
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id)
WHERE j.id::text LIKE %(prefix)s || '%%' LIMIT 2;

-- name: job_now
-- Return the present state of one job, for a role that may not read names of users.
SELECT j.*,
    (SELECT count(*) FROM imports.chunks c WHERE c.job_id = j.id AND c.kind = 'records') AS chunks,
    (SELECT count(*) FROM imports.chunks c
        WHERE c.job_id = j.id AND c.kind = 'records' AND c.status = 'done') AS chunks_done
FROM imports.jobs AS j WHERE j.id = %(job_id)s;

-- name: recent_jobs
-- Return the newest jobs of one user, or of all, with their numbers of chunks.
SELECT j.*, u.name AS user_name,
    (SELECT count(*) FROM imports.chunks c WHERE c.job_id = j.id AND c.kind = 'records') AS chunks,
    (SELECT count(*) FROM imports.chunks c
        WHERE c.job_id = j.id AND c.kind = 'records' AND c.status = 'done') AS chunks_done
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id)
WHERE %(user)s::text IS NULL OR u.name = %(user)s
ORDER BY j.created_at DESC LIMIT %(n)s;

-- name: open_jobs
-- Return the jobs that have not ended, with what they wait for.
SELECT count(*) FROM imports.jobs WHERE completed_at IS NULL;

-- name: progress
-- Return how far jobs are, in bytes of slices: cut, read, and of chunks that have ended. A chunk that
-- was cut up counts by its parts. The pace is that of the last two minutes, from the end of the first
-- chunk in them; NULL if fewer than two ended. `waits`: some chunks wait for other parts of a set.
WITH pieces AS (
    SELECT c.job_id, c.status, c.stage, c.done_at, c.tally, c.waits_for_set,
        (SELECT coalesce(sum((s.value->>2)::bigint - (s.value->>1)::bigint), 0)
            FROM jsonb_array_elements(c.slices) AS s) AS size
    FROM imports.chunks AS c
    WHERE c.job_id = ANY(%(jobs)s) AND c.kind = 'records'
      AND c.last_error_code IS DISTINCT FROM 'split'
), lately AS (
    SELECT job_id, done_at, size, min(done_at) OVER (PARTITION BY job_id) AS since,
        (SELECT coalesce(sum((t.value->>'seen')::bigint), 0) FROM jsonb_each(tally) AS t) AS records
    FROM pieces WHERE status = 'done' AND done_at > clock_timestamp() - interval '2 minutes'
), pace AS (
    SELECT job_id, (sum(size) / extract(epoch FROM clock_timestamp() - since))::float8 AS bytes_per_s,
        (sum(records) / extract(epoch FROM clock_timestamp() - since))::float8 AS records_per_s
    FROM lately WHERE done_at > since GROUP BY job_id, since
), sums AS (
    SELECT job_id, sum(size)::bigint AS bytes_cut,
        sum(size) FILTER (WHERE status IN ('done', 'dead') OR stage <> 'normalise')::bigint AS bytes_read,
        sum(size) FILTER (WHERE status IN ('done', 'dead'))::bigint AS bytes_ended,
        bool_or(waits_for_set AND status = 'ready') AS waits
    FROM pieces GROUP BY job_id
)
SELECT j.id AS job, coalesce(s.bytes_cut, 0) AS bytes_cut, coalesce(s.bytes_read, 0) AS bytes_read,
    coalesce(s.bytes_ended, 0) AS bytes_ended, coalesce(s.waits, false) AS waits,
    p.bytes_per_s, p.records_per_s,
    extract(epoch FROM clock_timestamp() - j.started_at)::float8 AS running_s,
    EXISTS (SELECT FROM imports.chunks AS u
        WHERE u.job_id = j.id AND u.kind = 'upload' AND u.status = 'done') AS all_cut
FROM imports.jobs AS j LEFT JOIN sums AS s ON s.job_id = j.id LEFT JOIN pace AS p ON p.job_id = j.id
WHERE j.id = ANY(%(jobs)s);

-- name: waits
-- Count the chunks of open jobs that were given back, by error.
SELECT c.job_id, c.last_error_code AS code, count(*) AS chunks
FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id
WHERE c.status = 'ready' AND c.last_error_code IS NOT NULL AND j.completed_at IS NULL
GROUP BY 1, 2 ORDER BY 1, 2;

-- name: waits_by_code
-- Count them for all jobs together.
SELECT c.last_error_code AS code, count(DISTINCT c.job_id) AS jobs, count(*) AS chunks
FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id
WHERE c.status = 'ready' AND c.last_error_code IS NOT NULL AND j.completed_at IS NULL
GROUP BY 1 ORDER BY 1;

-- name: files_for_receipt
-- Return the members and attachments of a job, as its receipt lists them.
SELECT id, path, disposition, reason, detail, format, size_bytes, media_type, encoding, counts
FROM imports.files WHERE job_id = %(job_id)s ORDER BY ordinal NULLS LAST, path;

-- name: drift_of
-- Return the fields of a job that its formats did not know, with the first file of each.
SELECT d.format, d.field, d.records, f.path AS first_file
FROM imports.drift AS d JOIN imports.files AS f ON f.id = d.first_file_id
WHERE d.job_id = %(job_id)s ORDER BY d.format, d.field;

-- name: quarantine_summary
-- Count quarantined records by code, with the first place of each.
SELECT q.code, q.stage, count(*) AS records,
    (array_agg(f.path ORDER BY q.id))[1] AS first_file,
    (array_agg(q.locator ORDER BY q.id))[1] AS first_locator,
    (array_agg(q.detail ORDER BY q.id))[1] AS first_detail,
    min(q.id) AS first_id
FROM imports.quarantine AS q JOIN imports.files AS f ON f.id = q.file_id
WHERE (%(job_id)s::uuid IS NULL OR q.job_id = %(job_id)s) AND q.status = 'open'
GROUP BY 1, 2 ORDER BY 3 DESC;

-- name: quarantine_list
-- Return quarantined records of a job, or of all, without their bytes.
SELECT q.id, q.job_id AS job, f.path, q.locator, q.stage, q.code, q.detail, q.status, q.attempts,
    length(q.raw) AS raw_bytes, q.created_at
FROM imports.quarantine AS q JOIN imports.files AS f ON f.id = q.file_id
WHERE (%(job_id)s::uuid IS NULL OR q.job_id = %(job_id)s)
  AND (%(code)s::text IS NULL OR q.code = %(code)s)
ORDER BY q.id LIMIT %(n)s;

-- name: quarantine_one
-- Return one quarantined record with its bytes and its member's path.
SELECT q.*, f.path FROM imports.quarantine AS q JOIN imports.files AS f ON f.id = q.file_id
WHERE q.id = %(id)s;

-- name: dead_chunks
-- Return the dead chunks of a job, its `finish` included unless a retry replaced it.
SELECT id, stage, last_error_code, attempt FROM imports.chunks
WHERE job_id = %(job_id)s AND status = 'dead' AND (kind <> 'finish' OR identity = 'finish')
ORDER BY id;

-- name: chunk_states
-- Count the chunks of records of a job by stage and status.
SELECT stage, status, count(*) FROM imports.chunks
WHERE job_id = %(job_id)s AND kind = 'records' GROUP BY 1, 2;
