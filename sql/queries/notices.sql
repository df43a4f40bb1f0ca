-- Messages to a person about jobs. All run as the ledger.

-- name: add_receivers
-- Note receivers that are new in the settings: what ended before is not reported to them.
INSERT INTO imports.receivers (receiver) SELECT unnest(%(receivers)s::text[])
ON CONFLICT (receiver) DO NOTHING;

-- name: remove_receivers
-- Forget receivers that are in the settings no longer, with what was sent to them.
DELETE FROM imports.receivers WHERE receiver <> ALL(%(receivers)s::text[]);

-- name: lock
-- Let one process at a time send to a receiver, until the end of this transaction. Return it.
SELECT receiver FROM imports.receivers WHERE receiver = %(receiver)s FOR NO KEY UPDATE SKIP LOCKED;

-- name: give_up
-- Give up what could not be sent for a day. Return how many.
INSERT INTO imports.notices (receiver, job_id, kind, of)
SELECT r.receiver, j.id, 'ended', j.completed_at
FROM imports.receivers AS r JOIN imports.jobs AS j ON j.completed_at >= r.since
WHERE r.receiver = %(receiver)s AND j.completed_at < clock_timestamp() - interval '1 day'
ON CONFLICT (receiver, job_id, kind, of) DO NOTHING;

-- name: due
-- Return what a receiver is to be told: jobs that ended, once each time, and jobs that wait for what
-- a person must do, once.
SELECT d.job_id, d.kind, d.of, d.status, d.code, d.records_seen, d.records_loaded,
    d.records_duplicate, d.records_quarantined, d.alerted, d.source_name, u.name AS user_name
FROM (
    SELECT j.id AS job_id, 'ended' AS kind, j.completed_at AS of, j.status, j.error_code AS code,
        j.records_seen, j.records_loaded, j.records_duplicate, j.records_quarantined,
        j.alerted_at IS NOT NULL AS alerted, j.source_name, j.user_id
    FROM imports.receivers AS r JOIN imports.jobs AS j ON j.completed_at >= r.since
    WHERE r.receiver = %(receiver)s AND j.status <> 'rolled_back'
    UNION ALL
    SELECT j.id, 'waits', j.created_at, j.status, min(c.last_error_code), j.records_seen,
        j.records_loaded, j.records_duplicate, j.records_quarantined, false, j.source_name,
        j.user_id
    FROM imports.jobs AS j JOIN imports.chunks AS c ON c.job_id = j.id
    WHERE j.completed_at IS NULL AND c.status = 'ready' AND c.last_error_code = ANY(%(codes)s)
    GROUP BY j.id) AS d
JOIN user_data.users AS u USING (user_id)
WHERE NOT EXISTS (SELECT FROM imports.notices AS n WHERE n.receiver = %(receiver)s
    AND n.job_id = d.job_id AND n.kind = d.kind AND n.of = d.of)
ORDER BY d.of LIMIT %(n)s;

-- name: sent
-- Note what was sent.
INSERT INTO imports.notices (receiver, job_id, kind, of, sent_at)
SELECT %(receiver)s, x.job_id, x.kind, x.of, clock_timestamp()
FROM unnest(%(jobs)s::uuid[], %(kinds)s::text[], %(ofs)s::timestamptz[]) AS x (job_id, kind, of)
ON CONFLICT (receiver, job_id, kind, of) DO NOTHING;

-- name: states
-- Return each receiver with what was sent to it, and what was given up in the last week.
SELECT r.receiver, r.since, max(n.sent_at) AS last_at, count(n.sent_at) AS sent,
    count(*) FILTER (WHERE n.job_id IS NOT NULL AND n.sent_at IS NULL
        AND n.noted_at > clock_timestamp() - interval '7 days') AS given_up
FROM imports.receivers AS r LEFT JOIN imports.notices AS n USING (receiver) GROUP BY 1, 2;
