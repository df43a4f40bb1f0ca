-- Answers to a person's questions about their lake. All run as that user.

-- name: document
-- One document, with the file that it came from and the import that brought it.
SELECT d.id, d.record_type, d.data_type, d.source, d.source_timestamp AS at, d.title, d.content,
    d.content_type, d.language, d.metadata, d.record_key, d.created_at AS loaded_at,
    d.job_id AS job, j.source_name AS archive, f.path AS file, f.ordinal, d.file_id,
    (SELECT count(*) FROM user_data.versions AS v
     WHERE v.user_id = d.user_id AND v.record_key = d.record_key) AS earlier_versions
FROM user_data.search AS s
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
JOIN imports.jobs AS j ON j.id = d.job_id
JOIN imports.files AS f ON f.id = d.file_id
WHERE s.user_id = %(user_id)s AND s.document_id = %(id)s;

-- name: people_of
-- Return the people, places and accounts that a document mentions, by role.
SELECT m.role, e.kind, e.value, e.name
FROM user_data.mentions AS m JOIN user_data.entities AS e USING (user_id, entity_key)
WHERE m.user_id = %(user_id)s AND m.record_key = %(record_key)s
ORDER BY m.role, e.kind, e.value;

-- name: related_to
-- Documents that a record leads to, and those that lead to it.
SELECT r.relation, r.outward, s.document_id AS id, d.record_type, d.title
FROM (SELECT relation, true AS outward, other_key AS key FROM user_data.relations
      WHERE user_id = %(user_id)s AND record_key = %(record_key)s
      UNION ALL
      SELECT relation, false, record_key FROM user_data.relations
      WHERE user_id = %(user_id)s AND other_key = %(record_key)s) AS r
JOIN user_data.search AS s ON s.user_id = %(user_id)s AND s.record_key = r.key
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
ORDER BY r.relation, s.document_id LIMIT %(n)s;

-- name: documents_between
-- Documents of a span of time, in order.
SELECT s.document_id AS id, s.at, s.record_type, s.source, d.title, left(d.content, 200) AS content
FROM user_data.search AS s
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
WHERE s.user_id = %(user_id)s AND s.at >= %(after)s AND s.at < %(before)s
ORDER BY s.at, s.document_id LIMIT %(n)s;

-- name: positions_between
-- Positions of a span of time by the hour: how many, from when to when, and their bounds.
SELECT min(at) AS at, max(at) AS until, source, count(*) AS positions,
    min(latitude) AS south, max(latitude) AS north, min(longitude) AS west, max(longitude) AS east
FROM timeseries.locations
WHERE user_id = %(user_id)s AND at >= %(after)s AND at < %(before)s
GROUP BY date_trunc('hour', at, %(zone)s), source ORDER BY 1, source LIMIT %(n)s;

-- name: measurements_between
-- Measured values of a span of time by the hour.
SELECT min(at) AS at, max(at) AS until, source, name, unit, count(*) AS samples,
    sum(value) AS total, min(value) AS least, max(value) AS greatest
FROM timeseries.metrics
WHERE user_id = %(user_id)s AND at >= %(after)s AND at < %(before)s
GROUP BY date_trunc('hour', at, %(zone)s), source, name, unit ORDER BY 1, name, source
LIMIT %(n)s;

-- name: nearest_positions
-- The last known position until a moment and the first one after it: recorded ones, and those of
-- documents.
(SELECT at, latitude, longitude, accuracy_m, source, NULL::bigint AS id FROM timeseries.locations
 WHERE user_id = %(user_id)s AND at <= %(at)s::timestamptz AND at > %(at)s::timestamptz - %(within)s::interval
 ORDER BY at DESC LIMIT 1)
UNION ALL
(SELECT at, latitude, longitude, accuracy_m, source, NULL FROM timeseries.locations
 WHERE user_id = %(user_id)s AND at > %(at)s::timestamptz AND at < %(at)s::timestamptz + %(within)s::interval
 ORDER BY at LIMIT 1)
UNION ALL
(SELECT at, latitude, longitude, NULL, source, document_id FROM user_data.search
 WHERE user_id = %(user_id)s AND latitude IS NOT NULL AND at <= %(at)s::timestamptz
   AND at > %(at)s::timestamptz - %(within)s::interval
 ORDER BY at DESC LIMIT 1)
UNION ALL
(SELECT at, latitude, longitude, NULL, source, document_id FROM user_data.search
 WHERE user_id = %(user_id)s AND latitude IS NOT NULL AND at > %(at)s::timestamptz
   AND at < %(at)s::timestamptz + %(within)s::interval
 ORDER BY at LIMIT 1)
ORDER BY at;

-- name: count_by_column
-- Documents that fit the filters, by what the index of documents has of them. Of records that are
-- the same, one is counted.
SELECT CASE %(by)s
        WHEN 'type' THEN s.record_type WHEN 'source' THEN s.source
        WHEN 'language' THEN s.language WHEN 'site' THEN s.domain
        WHEN 'year' THEN to_char(s.at AT TIME ZONE %(zone)s, 'YYYY')
        WHEN 'month' THEN to_char(s.at AT TIME ZONE %(zone)s, 'YYYY-MM')
        WHEN 'day' THEN to_char(s.at AT TIME ZONE %(zone)s, 'YYYY-MM-DD')
        WHEN 'weekday' THEN to_char(s.at AT TIME ZONE %(zone)s, 'ID')
        WHEN 'hour' THEN to_char(s.at AT TIME ZONE %(zone)s, 'HH24') END AS value,
    count(*) AS records, min(s.at) AS first, max(s.at) AS last
FROM user_data.search AS s
WHERE s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
  AND s.counted_key IS NULL
GROUP BY 1 ORDER BY records DESC, value NULLS LAST LIMIT %(n)s;

-- name: count_by_metadata
-- The same by a name of the metadata, such as the artist.
SELECT d.metadata->>%(by)s AS value, count(*) AS records, min(s.at) AS first, max(s.at) AS last
FROM user_data.search AS s
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
WHERE s.user_id = %(user_id)s AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
  AND s.counted_key IS NULL
  AND jsonb_typeof(d.metadata->%(by)s) IN ('string', 'number', 'boolean')
GROUP BY 1 ORDER BY records DESC, value LIMIT %(n)s;

-- name: count_by_entity
-- The same by the people or the places in them, as in analytics.mentions_of.
WITH said AS (
    SELECT e.entity_key, e.value, e.name, m.record_key
    FROM user_data.entities AS e JOIN user_data.mentions AS m USING (user_id, entity_key)
    WHERE e.user_id = %(user_id)s AND (e.kind = 'place') = %(places)s
    UNION ALL
    SELECT e.entity_key, e.value, e.name, o.counted_key FROM user_data.search AS o
    JOIN user_data.mentions AS m ON m.user_id = %(user_id)s AND m.record_key = o.record_key
    JOIN user_data.entities AS e ON e.user_id = %(user_id)s AND e.entity_key = m.entity_key
    WHERE o.user_id = %(user_id)s AND o.counted_key IS NOT NULL
      AND (e.kind = 'place') = %(places)s AND NOT analytics.mentions_in(o.counted_key, m.role))
SELECT e.value, max(e.name) AS name, count(DISTINCT s.document_id) AS records, min(s.at) AS first,
    max(s.at) AS last
FROM said AS e
JOIN user_data.search AS s ON s.user_id = %(user_id)s AND s.record_key = e.record_key
    AND s.counted_key IS NULL
WHERE (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
GROUP BY e.entity_key, e.value ORDER BY records DESC, e.value LIMIT %(n)s;

-- name: compare_jobs
-- The records of two imports by kind: how many only one of them has, and how many both have.
WITH had AS (
    SELECT data_type AS kind, record_key, partition_at AS at, job_id FROM user_data.documents
    WHERE user_id = %(user_id)s AND job_id IN (%(one)s, %(other)s)
    UNION
    SELECT 'locations', record_key, at, job_id FROM timeseries.locations
    WHERE user_id = %(user_id)s AND job_id IN (%(one)s, %(other)s)
    UNION
    SELECT 'metrics', record_key, at, job_id FROM timeseries.metrics
    WHERE user_id = %(user_id)s AND job_id IN (%(one)s, %(other)s)
    UNION
    SELECT data_type, record_key, at, job_id FROM imports.claims
    WHERE user_id = %(user_id)s AND job_id IN (%(one)s, %(other)s)),
by_record AS (
    SELECT kind, bool_or(job_id = %(one)s) AS in_one, bool_or(job_id = %(other)s) AS in_other
    FROM had GROUP BY kind, record_key, at)
SELECT kind, count(*) FILTER (WHERE in_one AND NOT in_other) AS only_first,
    count(*) FILTER (WHERE in_other AND NOT in_one) AS only_second,
    count(*) FILTER (WHERE in_one AND in_other) AS both
FROM by_record GROUP BY kind ORDER BY kind;

-- name: only_in
-- Documents that one import has and another has not, in the order of time.
SELECT d.id, d.source_timestamp AS at, d.record_type, d.source, d.title
FROM user_data.documents AS d
WHERE d.user_id = %(user_id)s
  AND (d.job_id = %(one)s OR EXISTS (SELECT FROM imports.claims AS c
        WHERE c.user_id = d.user_id AND c.data_type = d.data_type
          AND c.record_key = d.record_key AND c.at = d.partition_at AND c.job_id = %(one)s))
  AND d.job_id <> %(other)s
  AND NOT EXISTS (SELECT FROM imports.claims AS c
        WHERE c.user_id = d.user_id AND c.data_type = d.data_type
          AND c.record_key = d.record_key AND c.at = d.partition_at AND c.job_id = %(other)s)
ORDER BY d.source_timestamp NULLS LAST, d.id LIMIT %(n)s;

-- name: changed_by
-- How many documents an import has replaced by a newer version.
SELECT count(DISTINCT record_key) AS count FROM user_data.versions
WHERE user_id = %(user_id)s AND superseded_by = %(job_id)s;

-- name: export_documents
-- Documents that fit the filters, by their ids, from one on.
SELECT d.id, d.record_type, d.data_type, d.source, d.source_timestamp AS at, d.title, d.content,
    d.content_type, d.language, d.metadata, s.latitude, s.longitude, d.job_id AS job
FROM user_data.search AS s
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
WHERE s.user_id = %(user_id)s AND s.document_id > %(past)s
  AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
ORDER BY s.document_id LIMIT %(n)s;

-- name: export_mails
-- Mails that fit the filters, with where their bytes lie, by import and file.
SELECT d.job_id AS job, f.ordinal, d.record_key, d.source, d.source_timestamp AS at
FROM user_data.search AS s
JOIN user_data.documents AS d ON d.user_id = s.user_id AND d.data_type = s.data_type
    AND d.record_key = s.record_key AND d.partition_at = s.partition_at AND d.id = s.document_id
JOIN imports.files AS f ON f.id = d.file_id
WHERE s.user_id = %(user_id)s AND s.data_type = 'email' AND s.record_type = 'message'
  AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
ORDER BY d.job_id, f.ordinal, d.id;

-- name: export_no_mails
-- How many documents fit the filters that are no mails, by type. An attachment is in its mail.
SELECT s.record_type AS type, count(*) AS documents FROM user_data.search AS s
WHERE s.user_id = %(user_id)s AND NOT (s.data_type = 'email' AND s.record_type = 'message')
  AND NOT (s.record_type = 'attachment' AND starts_with(s.source, 'mail.'))
  AND (%(after)s::timestamptz IS NULL OR s.at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR s.at < %(before)s)
  AND (%(type)s::text IS NULL OR s.record_type = %(type)s OR s.data_type = %(type)s)
  AND (%(source)s::text IS NULL OR s.source = %(source)s OR starts_with(s.source, %(source)s || '.'))
GROUP BY 1 ORDER BY documents DESC, type;

-- name: export_positions
-- Recorded positions in the order of time, from one on.
SELECT at, record_key, latitude, longitude, altitude_m, accuracy_m, source
FROM timeseries.locations
WHERE user_id = %(user_id)s AND (at, record_key) > (%(past_at)s, %(past_key)s)
  AND (%(after)s::timestamptz IS NULL OR at >= %(after)s)
  AND (%(before)s::timestamptz IS NULL OR at < %(before)s)
  AND (%(source)s::text IS NULL OR source = %(source)s OR starts_with(source, %(source)s || '.'))
ORDER BY at, record_key LIMIT %(n)s;
