-- Errors of the steps that run after the imports, by subject. All run as the ledger.

-- name: of_step
-- Return the errors of one step, and whether each subject still waits.
SELECT subject, again_at > clock_timestamp() AS rests FROM imports.step_errors
WHERE step = %(step)s;

-- name: note
-- Note one more failure: the wait doubles each time. Return the number of failures and the wait.
INSERT INTO imports.step_errors AS e (step, subject, error, place, again_at)
VALUES (%(step)s, %(subject)s, %(error)s, %(place)s,
    clock_timestamp() + make_interval(secs => %(first_s)s))
ON CONFLICT (step, subject) DO UPDATE
SET error = excluded.error, place = excluded.place, failures = e.failures + 1,
    last_at = clock_timestamp(), again_at = clock_timestamp() + make_interval(
        secs => least(%(first_s)s * 2 ^ least(e.failures, 10), %(most_s)s))
RETURNING failures, extract(epoch FROM again_at - last_at)::float8 AS wait_s;

-- name: forget
-- Delete the error of a subject that succeeded, or is not to be done any more.
DELETE FROM imports.step_errors WHERE step = %(step)s AND subject = %(subject)s;

-- name: forget_old
-- Delete errors that no step tries again, such as those of a job that was taken back.
DELETE FROM imports.step_errors
WHERE greatest(last_at, again_at) < clock_timestamp() - interval '1 day';

-- name: try_now
-- End all waits: a new process may be a new version.
UPDATE imports.step_errors SET again_at = clock_timestamp();

-- name: all
-- Return all present errors, with the user's name or the job's id as the subject.
SELECT e.step, e.subject, e.error, e.place, e.failures, e.first_at, e.last_at, e.again_at,
    u.name AS user_name, j.id AS job_id
FROM imports.step_errors AS e
LEFT JOIN user_data.users AS u ON u.user_id::text = split_part(e.subject, ' ', 1)
LEFT JOIN imports.jobs AS j ON j.id::text = e.subject
ORDER BY e.first_at, e.step, e.subject;

-- name: count
-- Count them by step, with the latest error of each.
SELECT step, count(*), sum(failures),
    (array_agg(error ORDER BY last_at DESC))[1] AS error,
    (array_agg(place ORDER BY last_at DESC))[1] AS place
FROM imports.step_errors GROUP BY step ORDER BY step;
