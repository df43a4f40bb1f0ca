-- End the waits of chunks early: a service answers again, the broker lost every message, or a clock
-- was set back.

-- name: waiting_codes
-- Return the errors for which chunks of open jobs wait.
SELECT DISTINCT c.last_error_code AS code
FROM imports.chunks AS c JOIN imports.jobs AS j ON j.id = c.job_id
WHERE j.completed_at IS NULL AND c.status = 'ready' AND c.enqueued_at IS NULL
  AND c.last_error_code IS NOT NULL;

-- name: answers
-- End the waits for a service that answers. A chunk that fails although the service answers waits
-- longer after every fourth time.
UPDATE imports.chunks AS c
SET not_before = clock_timestamp()
    + make_interval(secs => least(%(delay_s)s * 2 ^ (least(c.publish_count, 40) / 4), 300))
FROM imports.jobs AS j
WHERE j.id = c.job_id AND j.completed_at IS NULL AND c.status = 'ready' AND c.enqueued_at IS NULL
  AND c.last_error_code = ANY(%(codes)s)
  AND c.not_before > clock_timestamp()
    + make_interval(secs => least(%(delay_s)s * 2 ^ (least(c.publish_count, 40) / 4), 300))
RETURNING c.id;

-- name: is_away
-- Note that the service does not answer: attempts meanwhile do not make the wait longer.
UPDATE imports.chunks AS c
SET publish_count = 0
FROM imports.jobs AS j
WHERE j.id = c.job_id AND j.completed_at IS NULL AND c.status = 'ready' AND c.enqueued_at IS NULL
  AND c.last_error_code = ANY(%(codes)s) AND c.publish_count > 0
RETURNING c.id;

-- name: has_room
-- Write 16 MB temporarily, to see whether the database's disk has room.
CREATE TEMPORARY TABLE room ON COMMIT DROP AS
SELECT repeat('x', 1900) AS filler FROM generate_series(1, 8500);

-- name: forget_messages
-- Note that the broker lost every message, so that none names these chunks.
UPDATE imports.chunks AS c
SET enqueued_at = NULL, publish_count = 0
FROM imports.jobs AS j
WHERE j.id = c.job_id AND j.completed_at IS NULL AND c.status = 'ready'
  AND c.enqueued_at IS NOT NULL
RETURNING c.id;

-- name: chunks_ahead
-- Correct leases, waits and messages that end later than new ones would, since the clock was set
-- back.
UPDATE imports.chunks AS c
SET lease_expires = CASE WHEN c.status = 'leased'
        THEN least(c.lease_expires, clock_timestamp() + make_interval(secs => %(lease_s)s)) END,
    enqueued_at = CASE WHEN c.enqueued_at IS NOT NULL
        THEN least(c.enqueued_at, clock_timestamp()) END,
    not_before = CASE WHEN c.waits_for_set THEN c.not_before
        ELSE least(c.not_before, clock_timestamp() + make_interval(secs => %(wait_s)s)) END
WHERE c.status IN ('ready', 'leased') AND (
    c.enqueued_at > clock_timestamp() + interval '5 seconds'
    OR c.status = 'leased'
        AND c.lease_expires > clock_timestamp() + make_interval(secs => %(lease_s)s + 5)
    OR c.status = 'ready' AND NOT c.waits_for_set
        AND c.not_before > clock_timestamp() + make_interval(secs => %(wait_s)s + 5))
RETURNING c.id;

-- name: sets_ahead
-- The same for sets that wait for their parts.
UPDATE imports.sets
SET waits_until = clock_timestamp() + make_interval(secs => %(wait_s)s)
WHERE state = 'open' AND waits_until > clock_timestamp() + make_interval(secs => %(wait_s)s + 5)
RETURNING id;
