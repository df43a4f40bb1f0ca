-- The state machine of chunks. Every change of state is one guarded statement of the table below.
-- Only the clock of Postgres is used.
--
-- from           event                          to                guard                statement
-- (none)         a file was taken in            ready, validate   one a job            jobs.insert_upload
-- (none)         an extract cut members         ready, normalise  identity is new      fan_out
-- (none)         a chunk was cut up             ready, normalise  the parent's token   insert_parts
-- (none)         nothing of a job is open       ready, finish     identity is new      insert_finish
-- (none)         a reparse found a new file     done              the job is held      reparse.insert_chunk
-- ready          a worker takes it              leased            due, attempts left   claim
-- leased         its lease ran out              leased            attempts left        claim
-- leased         a stage is done                ready, the next   the token (hold)     advance
-- leased         the last stage is done         done              the token (hold)     complete
-- leased         the finish is done             done              the token (hold)     end
-- leased         it was cut into smaller ones   done              the token (hold)     end_as_split
-- leased         an artefact is gone            ready, the first  token, rewinds left  rewind
-- leased         an error; its worker is dead   ready             the token            release
-- ready, leased  its attempts are used up       dead              no worker has it      dead_letter
-- ready, leased  a person cancels the job       dead              not the finish       stop_chunks
-- ready, leased  its job ends without it        dead              only the finish      give_up_finish
-- dead, done     a person retries the job       ready             done: a rejection    revive
-- not done       rows that it relied on leave   normalise         the lake is held     imports.let_go
--
-- Other statements that write chunks leave their state as it is:
--
-- lease          heartbeat, recovery.chunks_ahead
-- messages       send_unsent, unsend, expired, lost, recovery.is_away, recovery.forget_messages
-- waits          all_is_cut, end_badly, recovery.answers, sets.release_chunks, sets.prolong_chunks
-- identity       forget_finish
-- notes          mark_rejected, reparse.renew_chunks, reparse.leave_chunks
-- counts         imports.count_again, imports.roll_back
--
-- Names with a dot are statements of another file, or functions (sql/functions/imports.sql).
-- Past its attempts a chunk at `normalise` has some more (BISECT_ATTEMPTS in schemas/progress.py):
-- tasks/ingest/poison.py cuts it up in them.

-- name: claim
-- Lease a chunk for one stage. Count the attempt before the work, so that a crash counts too.
UPDATE imports.chunks AS c
SET status = 'leased',
    token = nextval('imports.fence'),
    attempt = c.attempt + 1,
    leased_by = %(worker)s,
    lease_expires = clock_timestamp() + make_interval(secs => %(lease_s)s)
FROM imports.jobs AS j
WHERE c.id = %(chunk)s AND c.job_id = %(job_id)s AND c.stage = %(stage)s
  AND j.id = c.job_id
  AND j.completed_at IS NULL
  AND c.attempt < %(max_attempts)s
        + CASE c.stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
  AND ((c.status = 'ready' AND c.not_before <= clock_timestamp())
       OR (c.status = 'leased' AND c.lease_expires < clock_timestamp()))
RETURNING c.id, c.job_id, c.user_id, c.kind, c.stage, c.attempt, c.token, c.format, c.embed,
    c.slices, c.artefacts, c.tally, c.last_error_code, j.source_name, j.expected_sha256, j.sha256,
    j.media_type, j.zone, j.outcome;

-- name: begin_job
-- Set the status of a job, which only moves forward. The first time, note that it started.
WITH job AS (
    UPDATE imports.jobs
    SET status = %(status)s, started_at = coalesce(started_at, now())
    WHERE id = %(job_id)s AND completed_at IS NULL AND status <> %(status)s
    RETURNING id, user_id, started_at)
INSERT INTO imports.events (user_id, job_id, kind)
SELECT user_id, id, 'started' FROM job WHERE started_at = now();

-- name: stage_of
-- Return the stage and status of a chunk that could not be leased.
SELECT stage, status FROM imports.chunks WHERE id = %(chunk)s AND job_id = %(job_id)s;

-- name: heartbeat
-- Extend a lease that the caller still has.
UPDATE imports.chunks
SET lease_expires = clock_timestamp() + make_interval(secs => %(lease_s)s)
WHERE id = %(chunk)s AND token = %(token)s AND status = 'leased';

-- name: hold
-- Lock the chunk if the caller still has its lease: the first statement of every commit. No row
-- means that another worker took over.
SELECT id FROM imports.chunks
WHERE id = %(chunk)s AND token = %(token)s AND status = 'leased'
FOR UPDATE;

-- name: advance
-- Move the chunk to its next stage. The message for it follows in the same Celery chain.
UPDATE imports.chunks
SET stage = %(next_stage)s, status = 'ready', attempt = 0, token = NULL, leased_by = NULL,
    lease_expires = NULL, not_before = now(), enqueued_at = now(), publish_count = 1,
    last_error_code = NULL,
    artefacts = artefacts || %(artefacts)s, tally = %(tally)s
WHERE id = %(chunk)s;

-- name: complete
-- End a chunk that has passed all of its stages.
UPDATE imports.chunks
SET status = 'done', token = NULL, leased_by = NULL, lease_expires = NULL, done_at = now(),
    last_error_code = NULL, artefacts = '{}', tally = %(tally)s
WHERE id = %(chunk)s;

-- name: end
-- End the `finish` of a job; nothing follows it.
UPDATE imports.chunks
SET status = 'done', token = NULL, leased_by = NULL, lease_expires = NULL, done_at = now()
WHERE id = %(chunk)s;

-- name: rewind
-- Start a chunk anew because an artefact of an earlier stage is gone (a crash took an unsynced
-- commit). This resets the attempts, so the number of rewinds is limited.
UPDATE imports.chunks
SET stage = %(first_stage)s, status = 'ready', attempt = 0, token = NULL, leased_by = NULL,
    lease_expires = NULL, not_before = now(), enqueued_at = NULL, artefacts = '{}', tally = '{}',
    rewinds = rewinds + 1
WHERE id = %(chunk)s AND token = %(token)s AND status = 'leased' AND rewinds < %(most)s
RETURNING id;

-- name: release
-- Give a chunk back after an error. After an attempt that counts, the wait doubles each time. A
-- transient error counts no attempt, and its wait is constant: `tasks.maintenance.recovery` ends it
-- when the service answers. After a change of the policy of personal data, the wait is `delay_s`
-- alone.
UPDATE imports.chunks
SET status = 'ready', token = NULL, leased_by = NULL, lease_expires = NULL,
    attempt = attempt - CASE WHEN %(counts_attempt)s THEN 0 ELSE 1 END,
    not_before = clock_timestamp()
        + make_interval(secs => least(
            %(delay_s)s * CASE
                WHEN %(counts_attempt)s THEN 2 ^ least(attempt, 9)
                WHEN %(code)s = 'policy_changed' THEN 1 ELSE 60 END, 300)),
    enqueued_at = NULL, last_error_code = %(code)s
WHERE id = %(chunk)s AND token = %(token)s AND status = 'leased';

-- name: held_by
-- Lock and return the lease on a chunk at some stage, for the worker whose process died.
SELECT token, leased_by, attempt FROM imports.chunks
WHERE id = %(chunk)s AND job_id = %(job_id)s AND stage = %(stage)s AND status = 'leased'
FOR UPDATE;

-- name: count_splits
-- Count the chunks of a job that were cut into smaller ones.
SELECT count(*) FROM imports.chunks WHERE job_id = %(job_id)s AND last_error_code = 'split';

-- name: insert_parts
-- Insert smaller chunks, with fewer attempts left, in place of one that ends its workers.
INSERT INTO imports.chunks
    (job_id, user_id, kind, identity, stage, format, format_version, embed, slices, attempt)
SELECT c.job_id, c.user_id, c.kind, x.identity, c.stage, c.format, c.format_version, c.embed,
    x.slices, x.attempt
FROM imports.chunks AS c,
    jsonb_to_recordset(%(parts)s) AS x (identity text, slices jsonb, attempt integer)
WHERE c.id = %(chunk)s
RETURNING id;

-- name: end_as_split
-- End a chunk whose records its parts have.
UPDATE imports.chunks
SET status = 'done', token = NULL, leased_by = NULL, lease_expires = NULL, done_at = now(),
    last_error_code = 'split', artefacts = '{}', tally = '{}'
WHERE id = %(chunk)s;

-- name: fan_out
-- Insert the chunks of an extract. An existing slice of an earlier attempt is left alone. A chunk
-- that needs the whole set waits in the ledger alone, without message, worker or attempt. If the
-- job is no part of a set, it waits until all of the job is cut.
INSERT INTO imports.chunks
    (job_id, user_id, kind, identity, stage, format, format_version, embed, slices,
    waits_for_set, not_before)
SELECT %(job_id)s, %(user_id)s, 'records', x.identity, 'normalise', x.format, x.format_version,
    x.embed, x.slices, coalesce(x.needs_set AND (s.id IS NOT NULL OR j.set_id IS NULL), false),
    CASE WHEN x.needs_set AND j.set_id IS NULL THEN now() + interval '1 day'
        ELSE coalesce(s.waits_until, now()) END
FROM jsonb_to_recordset(%(chunks)s) AS x (identity text, format text, format_version integer,
    embed boolean, slices jsonb, needs_set boolean)
JOIN imports.jobs AS j ON j.id = %(job_id)s
LEFT JOIN imports.sets AS s ON x.needs_set AND s.state = 'open' AND s.id = j.set_id
ON CONFLICT (job_id, identity, user_id) DO NOTHING
RETURNING id;

-- name: all_is_cut
-- Release the chunks that wait for the whole job: it has its whole export, and all of it is listed.
UPDATE imports.chunks AS c SET waits_for_set = false, not_before = now()
FROM imports.jobs AS j
WHERE j.id = c.job_id AND j.id = %(job_id)s AND j.set_id IS NULL AND c.waits_for_set
RETURNING c.id;

-- name: add_remaining
-- Add to the number of open chunks of the job.
UPDATE imports.jobs SET remaining = remaining + %(n)s WHERE id = %(job_id)s;

-- name: settle
-- Subtract one open chunk from the job, and add the chunk's counts to the job's.
UPDATE imports.jobs
SET remaining = remaining - 1,
    records_seen = records_seen + %(seen)s,
    records_loaded = records_loaded + %(loaded)s,
    records_duplicate = records_duplicate + %(duplicate)s,
    records_quarantined = records_quarantined + %(quarantined)s
WHERE id = %(job_id)s
RETURNING remaining;

-- name: insert_finish
-- Insert the `finish` of a job without open chunks, once.
INSERT INTO imports.chunks (job_id, user_id, kind, identity, stage)
VALUES (%(job_id)s, %(user_id)s, 'finish', %(identity)s, 'finish')
ON CONFLICT (job_id, identity, user_id) DO NOTHING
RETURNING id;

-- name: send_unsent
-- Mark ready chunks of a job that no message names yet, up to a number. The caller then sends
-- messages for them.
UPDATE imports.chunks AS c
SET enqueued_at = now(), publish_count = c.publish_count + 1
FROM (
    SELECT id FROM imports.chunks
    WHERE job_id = %(job_id)s AND status = 'ready' AND enqueued_at IS NULL
      AND not_before <= clock_timestamp()
      AND attempt < %(max_attempts)s
        + CASE stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
    ORDER BY id LIMIT %(n)s FOR UPDATE SKIP LOCKED
) AS pick
WHERE c.id = pick.id
RETURNING c.id, c.job_id, c.kind, c.stage, c.embed;

-- name: unsend
-- Undo `send_unsent` for chunks whose messages the broker did not take.
UPDATE imports.chunks SET enqueued_at = NULL, publish_count = greatest(publish_count - 1, 0)
WHERE id = ANY(%(ids)s) AND status IN ('ready', 'leased')
RETURNING id;

-- name: dispatched
-- Count the chunks of a job that are sent or leased.
SELECT count(*) FROM imports.chunks
WHERE job_id = %(job_id)s AND status IN ('ready', 'leased') AND enqueued_at IS NOT NULL;

-- name: expired
-- Mark chunks whose lease ran out to be sent again at once. After that, `lost` treats them like
-- others.
UPDATE imports.chunks AS c
SET enqueued_at = now(), publish_count = c.publish_count + 1
FROM (
    SELECT o.id FROM imports.chunks AS o JOIN imports.jobs AS j ON j.id = o.job_id
    WHERE j.completed_at IS NULL
      AND o.attempt < %(max_attempts)s
        + CASE o.stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
      AND o.status = 'leased' AND o.lease_expires < clock_timestamp()
      AND (o.enqueued_at IS NULL OR o.enqueued_at < o.lease_expires)
    ORDER BY o.id LIMIT %(n)s FOR UPDATE OF o SKIP LOCKED
) AS pick
WHERE c.id = pick.id
RETURNING c.id, c.job_id, c.kind, c.stage, c.embed;

-- name: lost
-- Mark chunks of some stages whose messages seem lost, the longest sent first. The caller knows
-- from the lengths of the queues how many are missing, so the wait does not grow.
UPDATE imports.chunks AS c
SET enqueued_at = now(), publish_count = c.publish_count + 1
FROM (
    SELECT o.id FROM imports.chunks AS o JOIN imports.jobs AS j ON j.id = o.job_id
    WHERE j.completed_at IS NULL
      AND o.attempt < %(max_attempts)s
        + CASE o.stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
      AND o.stage = ANY(%(stages)s)
      AND (o.status = 'ready' AND o.not_before <= clock_timestamp()
        OR o.status = 'leased' AND o.lease_expires < clock_timestamp())
      AND o.enqueued_at < clock_timestamp() - make_interval(secs => %(window_s)s)
    ORDER BY o.enqueued_at LIMIT %(n)s FOR UPDATE OF o SKIP LOCKED
) AS pick
WHERE c.id = pick.id
RETURNING c.id, c.job_id, c.kind, c.stage, c.embed;

-- name: jobs_with_unsent
-- Return the jobs with chunks that no message names yet.
SELECT DISTINCT c.job_id FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id
WHERE c.status = 'ready' AND c.enqueued_at IS NULL AND c.not_before <= clock_timestamp()
  AND j.completed_at IS NULL;

-- name: rows_are_coming
-- Return for how many seconds the longest job has run, of those with a leased chunk of records;
-- null if there is none.
SELECT extract(epoch FROM clock_timestamp() - min(j.started_at))::float8 AS for_s
FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id
WHERE c.kind = 'records' AND c.status = 'leased' AND c.lease_expires > clock_timestamp();

-- name: waiting_by_stage
-- Count by stage the chunks that were sent and wait for a worker, to compare with the broker's
-- queues.
SELECT stage, count(*) FROM imports.chunks
WHERE (status = 'ready' OR status = 'leased' AND lease_expires < clock_timestamp())
  AND enqueued_at IS NOT NULL GROUP BY stage;

-- name: worn_out
-- Return open jobs with chunks that used up their attempts and have no worker.
SELECT DISTINCT o.job_id FROM imports.chunks AS o JOIN imports.jobs AS j ON j.id = o.job_id
WHERE j.completed_at IS NULL
  AND o.attempt >= %(max_attempts)s
        + CASE o.stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
  AND (o.status = 'ready' OR (o.status = 'leased' AND o.lease_expires < clock_timestamp()));

-- name: dead_letter
-- Dead-letter such chunks of one job, with their last error.
UPDATE imports.chunks
SET status = 'dead', token = NULL, leased_by = NULL, lease_expires = NULL,
    last_error_code = coalesce(last_error_code, 'worker_lost')
WHERE id IN (
    SELECT o.id FROM imports.chunks AS o JOIN imports.jobs AS j ON j.id = o.job_id
    WHERE o.job_id = %(job_id)s AND j.completed_at IS NULL
      AND o.attempt >= %(max_attempts)s
        + CASE o.stage WHEN 'normalise' THEN %(bisect_attempts)s ELSE 0 END
      AND (o.status = 'ready' OR (o.status = 'leased' AND o.lease_expires < clock_timestamp()))
    FOR UPDATE OF o SKIP LOCKED)
RETURNING id, job_id, user_id, kind, stage, last_error_code;

-- name: stranded
-- Return open jobs without an open chunk, which no chunk would end.
SELECT j.id AS job_id FROM imports.jobs AS j
WHERE j.completed_at IS NULL
  AND j.id NOT IN (SELECT c.job_id FROM imports.chunks AS c WHERE c.status IN ('ready', 'leased'));

-- name: hold_open
-- Lock a job that has not ended, after its chunks, so that the next counts stay valid.
SELECT j.id, j.user_id, j.source_name, j.created_at, j.archived_path, u.name AS user_name
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id)
WHERE j.id = %(job_id)s AND j.completed_at IS NULL FOR NO KEY UPDATE OF j;

-- name: recount
-- Count the open chunks of a job whose row is locked, so that no wrong number lasts.
UPDATE imports.jobs AS j
SET remaining = (SELECT count(*) FROM imports.chunks AS c
    WHERE c.job_id = j.id AND c.kind <> 'finish' AND c.status IN ('ready', 'leased'))
WHERE j.id = %(job_id)s AND j.completed_at IS NULL
RETURNING remaining;

-- name: open_finish
-- Return the `finish` of a job that has not ended, and whether a worker has it.
SELECT id, status = 'leased' AND lease_expires >= clock_timestamp() AS at_work
FROM imports.chunks
WHERE job_id = %(job_id)s AND kind = 'finish' AND status IN ('ready', 'leased')
FOR UPDATE;

-- name: give_up_finish
-- End the job without its `finish`. A worker that has it is fenced.
UPDATE imports.chunks
SET status = 'dead', token = NULL, leased_by = NULL, lease_expires = NULL, last_error_code = %(code)s
WHERE job_id = %(job_id)s AND kind = 'finish' AND status IN ('ready', 'leased')
RETURNING id;

-- name: close_without
-- Close a job without its `finish`, with the outcome that it was about to have, or else `outcome`.
UPDATE imports.jobs
SET status = coalesce(outcome, %(outcome)s), outcome = coalesce(outcome, %(outcome)s),
    error_code = coalesce(error_code, %(code)s), error_detail = coalesce(error_detail, %(detail)s),
    archived_path = %(archived_path)s, completed_at = now()
WHERE id = %(job_id)s AND completed_at IS NULL AND remaining = 0
RETURNING status, outcome, error_code;

-- name: original_of
-- Return a job with the path of its original, if one was recorded.
SELECT j.id, j.user_id, j.source_name, j.created_at, j.archived_path, u.name AS user_name
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id) WHERE j.id = %(job_id)s;

-- name: archived_by_others
-- Return which of these places hold the originals of other jobs.
SELECT archived_path FROM imports.jobs
WHERE archived_path = ANY(%(places)s) AND id <> %(job_id)s;

-- name: record_archived_path
-- Record the path of a job's original.
UPDATE imports.jobs SET archived_path = %(archived_path)s WHERE id = %(job_id)s;

-- name: end_badly
-- Note that the job cannot succeed; its first cause is kept. If its extract broke off, the chunks
-- that waited for the rest continue without it.
WITH released AS (
    UPDATE imports.chunks AS c SET waits_for_set = false, not_before = now()
    FROM imports.jobs AS j
    WHERE j.id = c.job_id AND j.id = %(job_id)s AND j.set_id IS NULL AND c.waits_for_set)
UPDATE imports.jobs
SET outcome = coalesce(outcome, %(outcome)s), error_code = coalesce(error_code, %(code)s),
    error_detail = coalesce(error_detail, %(detail)s), status = 'finishing'
WHERE id = %(job_id)s AND completed_at IS NULL;

-- name: revive
-- Retry: make dead chunks ready again at the stage where they died. A rejected upload starts anew.
UPDATE imports.chunks
SET status = 'ready', attempt = 0, rewinds = 0, enqueued_at = NULL, publish_count = 0,
    not_before = CASE WHEN waits_for_set THEN greatest(not_before, now()) ELSE now() END,
    last_error_code = NULL, done_at = NULL,
    stage = CASE WHEN kind = 'upload' THEN 'validate' ELSE stage END
WHERE job_id = %(job_id)s AND kind <> 'finish'
  AND (status = 'dead' OR (kind = 'upload' AND status = 'done'
    AND (%(rejected)s OR last_error_code IS NOT NULL)))
RETURNING id;

-- name: lost_finish
-- Retry: return the `finish` without which the job ended.
SELECT id FROM imports.chunks
WHERE job_id = %(job_id)s AND kind = 'finish' AND identity = 'finish' AND status = 'dead';

-- name: reopen
-- Retry: open the job again. If all of its chunks are done, its outcome is a success, but a
-- duplicate stays one.
UPDATE imports.jobs AS j
SET status = CASE WHEN open.pieces > 0 THEN 'queued' ELSE 'finishing' END,
    outcome = CASE WHEN keeps THEN outcome END, error_code = CASE WHEN keeps THEN error_code END,
    error_detail = CASE WHEN keeps THEN error_detail END,
    completed_at = NULL, remaining = open.pieces
FROM (SELECT o.id, count(c.id) AS pieces, o.outcome = 'duplicate' AND count(c.id) = 0 AS keeps
      FROM imports.jobs AS o LEFT JOIN imports.chunks AS c
        ON c.job_id = o.id AND c.kind <> 'finish' AND c.status IN ('ready', 'leased')
      WHERE o.id = %(job_id)s GROUP BY o.id) AS open
WHERE j.id = open.id AND j.completed_at IS NOT NULL AND j.status <> 'rolled_back'
RETURNING j.id, j.remaining;

-- name: status_of
-- Return the status of a job that could not be reopened.
SELECT status FROM imports.jobs WHERE id = %(job_id)s;

-- name: forget_finish
-- Retry: free the identity of the old `finish`, so that a new one can be inserted.
UPDATE imports.chunks SET identity = identity || ':' || id
WHERE job_id = %(job_id)s AND kind = 'finish' AND identity = 'finish'
  AND status IN ('done', 'dead');

-- name: mark_rejected
-- Note the reason for which the upload was rejected; `retry` finds the chunk by it.
UPDATE imports.chunks SET last_error_code = %(code)s WHERE id = %(chunk)s;

-- name: stop_chunks
-- Cancel: stop all chunks of the job. A chunk at work is fenced at its commit.
UPDATE imports.chunks
SET status = 'dead', token = NULL, leased_by = NULL, lease_expires = NULL,
    last_error_code = %(code)s
WHERE job_id = %(job_id)s AND kind <> 'finish' AND status IN ('ready', 'leased')
RETURNING id;

-- name: what_had_loaded
-- Cancel: sum up the counts of chunks that had ended.
SELECT (SELECT count(*) FROM imports.chunks AS c
        WHERE c.job_id = j.id AND c.kind = 'records' AND c.status = 'done') AS done,
    j.records_loaded AS loaded, j.records_duplicate AS duplicate,
    j.records_quarantined AS quarantined
FROM imports.jobs AS j WHERE j.id = %(job_id)s;

-- name: lock_ended
-- Lock a job that has ended against a retry; no row if it is open, or a worker is at it.
SELECT j.id, j.user_id, j.status, j.source_name, j.archived_path, j.outcome, j.error_code,
    j.error_detail, j.created_at, u.name AS user_name
FROM imports.jobs AS j JOIN user_data.users AS u USING (user_id)
WHERE j.id = %(job_id)s AND j.completed_at IS NOT NULL FOR UPDATE OF j SKIP LOCKED;
