-- Steps behind the imports that fail, piece by piece. All run as the ledger.

-- name: of_step
-- What fails of one step, and whether it is left alone for now.
SELECT subject, again_at > clock_timestamp() AS rests FROM imports.step_errors
WHERE step = %(step)s;

-- name: note
-- One failure more: the wait doubles each time. How often it failed by now, and the wait.
INSERT INTO imports.step_errors AS e (step, subject, error, place, again_at)
VALUES (%(step)s, %(subject)s, %(error)s, %(place)s,
    clock_timestamp() + make_interval(secs => %(first_s)s))
ON CONFLICT (step, subject) DO UPDATE
SET error = excluded.error, place = excluded.place, failures = e.failures + 1,
    last_at = clock_timestamp(), again_at = clock_timestamp() + make_interval(
        secs => least(%(first_s)s * 2 ^ least(e.failures, 10), %(most_s)s))
RETURNING failures, extract(epoch FROM again_at - last_at)::float8 AS wait_s;

-- name: forget
-- It went well, or is no longer to be done.
DELETE FROM imports.step_errors WHERE step = %(step)s AND subject = %(subject)s;

-- name: forget_old
-- What nobody tries any more, such as the piece of a job that was taken back.
DELETE FROM imports.step_errors
WHERE greatest(last_at, again_at) < clock_timestamp() - interval '1 day';

-- name: try_now
-- A new process may be a new version: nothing waits for it.
UPDATE imports.step_errors SET again_at = clock_timestamp();

-- name: all
-- What fails just now, with the user's name or the job's id where the subject is one.
SELECT e.step, e.subject, e.error, e.place, e.failures, e.first_at, e.last_at, e.again_at,
    u.name AS user_name, j.id AS job_id
FROM imports.step_errors AS e
LEFT JOIN user_data.users AS u ON u.user_id::text = split_part(e.subject, ' ', 1)
LEFT JOIN imports.jobs AS j ON j.id::text = e.subject
ORDER BY e.first_at, e.step, e.subject;

-- name: count
-- The same in sums, a row for each step, with the latest error of each.
SELECT step, count(*), sum(failures),
    (array_agg(error ORDER BY last_at DESC))[1] AS error,
    (array_agg(place ORDER BY last_at DESC))[1] AS place
FROM imports.step_errors GROUP BY step ORDER BY step;
