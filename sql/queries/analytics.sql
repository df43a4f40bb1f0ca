-- Statistics computed after the load, and the statements that read them. All run as one user.

-- name: users_to_count
-- Return the users whose queue of days is not empty, with the time since the first entry. A time in
-- the future, as after a clock was set back, is ignored.
SELECT user_id FROM analytics.touched GROUP BY user_id
HAVING min(at) <= now() - make_interval(secs => %(rest_s)s)
    OR max(at) > clock_timestamp() + interval '5 seconds';

-- name: series_to_count
-- Return one series with days that wait to be counted.
SELECT series FROM analytics.touched WHERE user_id = %(user_id)s ORDER BY series LIMIT 1;

-- name: hold_counts
-- Lock the counts of a user: of two processes, the second sees what the first has written.
SELECT imports.hold(%(user_id)s::uuid, 'counts', true);

-- name: take_days
-- Take some days of a series out of the queue, with all of their entries.
WITH chosen AS (
    SELECT DISTINCT day FROM analytics.touched
    WHERE user_id = %(user_id)s AND series = %(series)s ORDER BY day LIMIT %(n)s),
gone AS (
    DELETE FROM analytics.touched AS t USING chosen AS c
    WHERE t.user_id = %(user_id)s AND t.series = %(series)s AND t.day = c.day
    RETURNING c.day)
SELECT DISTINCT day FROM gone ORDER BY day;

-- name: take_records
-- Take some records out of the queue whose `same_as` came or went.
DELETE FROM analytics.touched WHERE user_id = %(user_id)s AND ctid = ANY(ARRAY(
    SELECT ctid FROM analytics.touched
    WHERE user_id = %(user_id)s AND series = 'same_as' LIMIT %(n)s))
RETURNING record_key;

-- name: same_on
-- Return the records of some days that are the same as others.
SELECT record_key FROM analytics.same_on(%(days)s::date[]);

-- name: same_records
-- Return the records of the lake that some records are joined to by `same_as`, over any number of
-- steps, each with those it leads to and is led to from. A record that the lake has not joins none.
WITH RECURSIVE reached (record_key) AS (
    SELECT unnest(%(keys)s::uuid[])
    UNION
    SELECT o.record_key FROM reached AS k CROSS JOIN LATERAL (
        SELECT r.other_key FROM user_data.relations AS r
        WHERE r.user_id = %(user_id)s AND r.record_key = k.record_key AND r.relation = 'same_as'
        UNION ALL
        SELECT r.record_key FROM user_data.relations AS r
        WHERE r.user_id = %(user_id)s AND r.other_key = k.record_key AND r.relation = 'same_as'
        ) AS o (record_key)
    CROSS JOIN LATERAL (SELECT FROM user_data.search AS s
        WHERE s.user_id = %(user_id)s AND s.record_key = o.record_key LIMIT 1) AS there)
SELECT k.record_key, s.dated, s.source,
    ARRAY(SELECT r.other_key FROM user_data.relations AS r
        WHERE r.user_id = %(user_id)s AND r.record_key = k.record_key AND r.relation = 'same_as')
        AS leads_to,
    ARRAY(SELECT r.record_key FROM user_data.relations AS r
        WHERE r.user_id = %(user_id)s AND r.other_key = k.record_key AND r.relation = 'same_as')
        AS led_from,
    ARRAY(SELECT r.other_key FROM user_data.relations AS r
        WHERE r.user_id = %(user_id)s AND r.record_key = k.record_key AND r.relation = 'part_of')
        AS part_of
FROM reached AS k CROSS JOIN LATERAL (
    SELECT bool_or(f.at IS NOT NULL) AS dated, max(f.source COLLATE "C") AS source
    FROM user_data.search AS f
    WHERE f.user_id = %(user_id)s AND f.record_key = k.record_key HAVING count(*) > 0) AS s;

-- name: count_as
-- Store as which record each of some records is counted, NULL for itself. Rows are locked in the
-- order in which they are indexed.
WITH changed AS MATERIALIZED (
    SELECT s.document_id, s.user_id, k.counted_key
    FROM unnest(%(keys)s::uuid[], %(counted)s::uuid[]) AS k (record_key, counted_key)
    JOIN user_data.search AS s ON s.user_id = %(user_id)s AND s.record_key = k.record_key
    WHERE s.counted_key IS DISTINCT FROM k.counted_key
    ORDER BY s.document_id FOR UPDATE OF s)
UPDATE user_data.search AS s SET counted_key = c.counted_key FROM changed AS c
WHERE s.document_id = c.document_id AND s.user_id = c.user_id;

-- name: days_of
-- Return the days of some records.
SELECT DISTINCT analytics.day_of(at) AS day FROM user_data.search
WHERE user_id = %(user_id)s AND record_key = ANY(%(keys)s);

-- name: forget_documents
-- Delete the counts of documents for some days, before they are made again.
DELETE FROM analytics.documents_by_day WHERE user_id = %(user_id)s AND day = ANY(%(days)s::date[]);

-- name: forget_entities
-- Delete the counts of entities for some days, before they are made again.
DELETE FROM analytics.entities_by_day WHERE user_id = %(user_id)s AND day = ANY(%(days)s::date[]);

-- name: forget_domains
-- Delete the counts of domains for some days, before they are made again.
DELETE FROM analytics.domains_by_day WHERE user_id = %(user_id)s AND day = ANY(%(days)s::date[]);

-- name: count_documents
-- Count the documents of some days.
INSERT INTO analytics.documents_by_day (user_id, day, source, data_type, record_type, documents)
SELECT %(user_id)s, day, source, data_type, record_type, count(*)
FROM analytics.documents_of(%(days)s::date[]) GROUP BY day, source, data_type, record_type;

-- name: count_entities
-- Count the documents of some days that mention an entity. A person who wrote and received a mail
-- counts once.
INSERT INTO analytics.entities_by_day (user_id, day, entity_key, documents)
SELECT %(user_id)s, day, entity_key, count(DISTINCT record_key)
FROM analytics.mentions_of(%(days)s::date[]) WHERE role <> 'link' GROUP BY day, entity_key;

-- name: count_domains
-- Count the documents of some days that name a domain.
INSERT INTO analytics.domains_by_day (user_id, day, domain, documents)
SELECT %(user_id)s, day, domain, count(DISTINCT record_key) FROM (
    SELECT day, record_key, domain
    FROM analytics.documents_of(%(days)s::date[]) WHERE domain IS NOT NULL
    UNION ALL
    SELECT m.day, m.record_key, analytics.domain_of(e.value)
    FROM analytics.mentions_of(%(days)s::date[]) AS m
    JOIN user_data.entities AS e ON e.user_id = %(user_id)s AND e.entity_key = m.entity_key
    WHERE m.role = 'link') AS sites
WHERE domain IS NOT NULL GROUP BY day, domain;

-- name: forget_locations
-- Delete the hours of locations of some days, before they are made again.
DELETE FROM timeseries.locations_by_hour
WHERE user_id = %(user_id)s AND hour >= %(first)s AND hour < %(past)s
  AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[]);

-- name: count_locations
-- Sum up the locations of some days by hour.
INSERT INTO timeseries.locations_by_hour (user_id, hour, source, points, south, north, west, east)
SELECT %(user_id)s, date_trunc('hour', l.at, 'UTC'), l.source, count(*), min(l.latitude),
    max(l.latitude), min(l.longitude), max(l.longitude)
FROM timeseries.locations AS l
-- The range is known when the statement is planned: other months are left alone. A join with the
-- days would compare each point with each day.
WHERE l.user_id = %(user_id)s AND l.at >= %(first)s AND l.at < %(past)s
  AND (l.at AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[])
GROUP BY 2, 3;

-- name: forget_metrics
-- Delete the hours of metrics of some days, before they are made again.
DELETE FROM timeseries.metrics_by_hour
WHERE user_id = %(user_id)s AND hour >= %(first)s AND hour < %(past)s
  AND (hour AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[]);

-- name: count_metrics
-- Sum up the metrics of some days by hour.
INSERT INTO timeseries.metrics_by_hour (user_id, hour, name, unit, source, samples, total, least,
    greatest)
SELECT %(user_id)s, date_trunc('hour', m.at, 'UTC'), m.name, m.unit, m.source, count(*),
    sum(m.value), min(m.value), max(m.value)
FROM timeseries.metrics AS m
WHERE m.user_id = %(user_id)s AND m.at >= %(first)s AND m.at < %(past)s
  AND (m.at AT TIME ZONE 'UTC')::date = ANY (%(days)s::date[])
GROUP BY 2, 3, 4, 5;

-- name: to_be_counted
-- Return whether any day or document waits to be counted or indexed.
SELECT EXISTS (SELECT FROM analytics.touched WHERE user_id = %(user_id)s)
    OR EXISTS (SELECT FROM user_data.unindexed WHERE user_id = %(user_id)s) AS waits;

-- name: totals
-- Count records by one column of analytics.by_day.
SELECT {column} AS name, sum(records)::bigint AS records, min(day) AS first, max(day) AS last,
    count(DISTINCT day) AS days
FROM analytics.by_day
WHERE (%(after)s::date IS NULL OR day >= %(after)s) AND (%(before)s::date IS NULL OR day <= %(before)s)
GROUP BY 1 ORDER BY 2 DESC, 1;

-- name: per_day
-- Count records for each day that has some.
SELECT day, sum(records)::bigint AS records FROM analytics.by_day
WHERE day IS NOT NULL AND (%(after)s::date IS NULL OR day >= %(after)s)
  AND (%(before)s::date IS NULL OR day <= %(before)s)
GROUP BY 1 ORDER BY 1;

-- name: undated
-- Count the records without a time.
SELECT coalesce(sum(records), 0)::bigint AS records FROM analytics.by_day WHERE day IS NULL;

-- name: top
-- Return the people, places or sites that most records mention.
SELECT value, max(name) AS name, sum(records)::bigint AS records, min(day) AS first,
    max(day) AS last
FROM analytics.names_by_day
WHERE what = %(what)s AND (%(after)s::date IS NULL OR day >= %(after)s)
  AND (%(before)s::date IS NULL OR day <= %(before)s)
GROUP BY value ORDER BY 3 DESC, 1 LIMIT %(n)s;

-- name: metrics
-- Sum up measured values over all sources.
SELECT name, unit, sum(samples)::bigint AS samples, sum(total) AS total,
    sum(total) / sum(samples) AS mean, min(least) AS least, max(greatest) AS greatest,
    min(day) AS first, max(day) AS last
FROM timeseries.metrics_by_day
WHERE (%(after)s::date IS NULL OR day >= %(after)s) AND (%(before)s::date IS NULL OR day <= %(before)s)
GROUP BY 1, 2 ORDER BY 3 DESC, 1;

-- name: gaps
-- Return the longest times without any record in the lake.
SELECT first, last, days FROM analytics.gaps
WHERE source IS NULL AND days >= %(least)s AND (%(after)s::date IS NULL OR last >= %(after)s)
  AND (%(before)s::date IS NULL OR first <= %(before)s)
ORDER BY days DESC, first LIMIT %(n)s;
