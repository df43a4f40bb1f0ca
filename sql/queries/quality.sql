-- Score what a job loaded: each record's problems as rule names, counted by file. Run as one user.

-- name: judge_documents
-- Count the problems of a job's documents by file. A rule is named KIND:WHAT. `needed` lists fields
-- of which a record of a type must have at least one.
SELECT file_id, problems, count(*) AS records FROM (
    SELECT d.file_id, array_remove(ARRAY[
        CASE WHEN d.source_timestamp IS NULL AND d.record_type = ANY(%(timed)s::text[])
            THEN 'completeness:no_time' END,
        CASE WHEN EXISTS (SELECT FROM unnest(%(types)s::text[], %(needed)s::text[]) AS n (type, names)
                WHERE n.type = d.record_type AND NOT d.metadata ?| string_to_array(n.names, ','))
            THEN 'completeness:missing_field' END,
        CASE WHEN d.record_type = ANY(%(spoken)s::text[])
                AND coalesce(nullif(d.title, ''), nullif(d.content, '')) IS NULL
                AND NOT d.metadata ?| '{attachments,blob,deleted,links,reactions,media}'::text[]
            THEN 'completeness:says_nothing' END,
        CASE WHEN d.record_type = ANY(%(timed)s::text[]) AND d.record_type <> 'event'
                AND d.source_timestamp > now() + interval '1 day'
            THEN 'accuracy:in_future' END,
        CASE WHEN d.record_type = ANY(%(timed)s::text[])
                AND d.source_timestamp >= '1969-12-31Z' AND d.source_timestamp < '1970-01-02Z'
            THEN 'accuracy:time_is_zero' END,
        CASE WHEN abs(f.latitude) > 90 OR abs(f.longitude) > 180
                OR (f.latitude = 0 AND f.longitude = 0)
            THEN 'accuracy:no_such_place' END,
        CASE WHEN f.duration < 0 OR f.duration > 31 * 86400 OR f.played < 0 OR f.distance < 0
            THEN 'accuracy:odd_duration' END,
        CASE WHEN f.rating < 0 OR f.rating > f.rating_max
            THEN 'accuracy:odd_rating' END,
        CASE WHEN d.metadata ? 'ended_at'
                AND analytics.instant(d.metadata->>'ended_at') < d.source_timestamp
            THEN 'consistency:end_before_start' END,
        CASE WHEN d.metadata ?& '{created_at,updated_at}'::text[]
                AND analytics.instant(d.metadata->>'updated_at')
                    < analytics.instant(d.metadata->>'created_at')
            THEN 'consistency:changed_before_made' END
        ], NULL) AS problems
    FROM user_data.documents AS d CROSS JOIN LATERAL (SELECT
        analytics.number(coalesce(d.metadata->'latitude', d.metadata#>'{place,latitude}')) AS latitude,
        analytics.number(coalesce(d.metadata->'longitude', d.metadata#>'{place,longitude}')) AS longitude,
        analytics.number(d.metadata->'duration_s') AS duration,
        analytics.number(d.metadata->'played_s') AS played,
        analytics.number(d.metadata->'distance_m') AS distance,
        analytics.number(d.metadata->'rating') AS rating,
        analytics.number(d.metadata->'rating_max') AS rating_max) AS f
    WHERE d.user_id = %(user_id)s AND d.job_id = %(job_id)s) AS judged
GROUP BY file_id, problems;

-- name: judge_locations
-- Count the problems of a job's locations by file. A distance within the accuracy of two points of
-- one source is no movement.
SELECT file_id, problems, count(*) AS records FROM (
    SELECT p.file_id, array_remove(ARRAY[
        CASE WHEN p.at > now() + interval '1 day' THEN 'accuracy:in_future' END,
        CASE WHEN p.latitude = 0 AND p.longitude = 0 THEN 'accuracy:no_such_place' END,
        CASE WHEN p.altitude_m NOT BETWEEN -500 AND 20000 OR p.accuracy_m < 0
            THEN 'accuracy:odd_measure' END,
        CASE WHEN p.was_at IS NOT NULL AND p.moved_km > 1
                AND p.moved_km * 3600 > %(most_kmh)s * greatest(extract(epoch FROM p.at - p.was_at), 1)
            THEN 'consistency:too_fast' END
        ], NULL) AS problems
    FROM (
        SELECT l.file_id, l.at, l.latitude, l.longitude, l.altitude_m, l.accuracy_m,
            lag(l.at) OVER steps AS was_at,
            user_data.km(l.latitude, l.longitude, lag(l.latitude) OVER steps,
                lag(l.longitude) OVER steps, 50000)
                - (coalesce(l.accuracy_m, 0) + coalesce(lag(l.accuracy_m) OVER steps, 0)) / 1000
                AS moved_km
        FROM timeseries.locations AS l WHERE l.user_id = %(user_id)s AND l.job_id = %(job_id)s
        WINDOW steps AS (PARTITION BY l.source ORDER BY l.at, l.record_key)) AS p) AS judged
GROUP BY file_id, problems;

-- name: judge_metrics
-- Count the problems of a job's metrics by file.
SELECT file_id, problems, count(*) AS records FROM (
    SELECT m.file_id, array_remove(ARRAY[
        CASE WHEN m.at > now() + interval '1 day' THEN 'accuracy:in_future' END,
        CASE WHEN m.value < r.least OR m.value > r.most THEN 'accuracy:odd_measure' END,
        CASE WHEN m.until < m.at THEN 'consistency:end_before_start' END
        ], NULL) AS problems
    FROM timeseries.metrics AS m
    LEFT JOIN unnest(%(names)s::text[], %(least)s::float8[], %(most)s::float8[])
        AS r (name, least, most) ON r.name = m.name
    WHERE m.user_id = %(user_id)s AND m.job_id = %(job_id)s) AS judged
GROUP BY file_id, problems;

-- name: quarantined
-- Count the records of a job that stay in quarantine, by file.
SELECT file_id, count(*) AS records FROM imports.quarantine
WHERE job_id = %(job_id)s AND status IN ('open', 'discarded') GROUP BY file_id;

-- name: hold_job
-- Lock the job that is scored.
SELECT records_loaded, records_quarantined, scored FROM imports.jobs
WHERE id = %(job_id)s FOR NO KEY UPDATE;

-- name: keep
-- Store the scores of a job and its files.
INSERT INTO analytics.quality (user_id, job_id, file_id, records, quarantined, completeness,
    accuracy, consistency, problems, below)
SELECT %(user_id)s, %(job_id)s, s.file_id, s.records, s.quarantined, s.completeness, s.accuracy,
    s.consistency, s.problems, s.below
FROM jsonb_to_recordset(%(scores)s) AS s (file_id bigint, records bigint, quarantined bigint,
    completeness float8, accuracy float8, consistency float8, problems jsonb, below text[]);

-- name: scored
-- Note on the job which of its states the scores are of.
UPDATE imports.jobs SET scored = %(scored)s WHERE id = %(job_id)s;

-- name: jobs_to_score
-- Return ended jobs that changed since they were scored, or were never scored.
SELECT id, user_id FROM imports.jobs
WHERE completed_at IS NOT NULL AND status IN ('done', 'failed', 'cancelled')
  AND (scored IS NULL OR (scored->>'loaded')::bigint <> records_loaded
      OR (scored->>'quarantined')::bigint <> records_quarantined)
  AND id::text <> ALL(%(left_alone)s::text[])
ORDER BY completed_at LIMIT %(n)s;

-- name: of_job
-- Return the latest scores of a job and its files: the job first, then the files with most
-- problems.
SELECT q.file_id, f.path, f.format, q.scored_at, q.records, q.quarantined, q.completeness,
    q.accuracy, q.consistency, q.problems, q.below
FROM analytics.quality_now AS q LEFT JOIN imports.files AS f ON f.id = q.file_id
WHERE q.job_id = %(job_id)s
  AND q.scored_at = (SELECT max(scored_at) FROM analytics.quality WHERE job_id = %(job_id)s)
ORDER BY q.file_id IS NOT NULL, least(q.completeness, q.accuracy, q.consistency), q.records DESC,
    q.file_id LIMIT %(n)s;

-- name: history
-- Return each scoring of the job as a whole.
SELECT scored_at, records, completeness, accuracy, consistency FROM analytics.quality
WHERE job_id = %(job_id)s AND file_id IS NULL ORDER BY scored_at, id;
