-- Functions of the statistics and near duplicates: values out of metadata, and triggers.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Return the host of a URL without user, port and `www.`; NULL if there is none.
CREATE OR REPLACE FUNCTION analytics.domain_of(url text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT left(regexp_replace(lower(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@?#]*@)?([^/:?#]+)')),
    '^www\.', ''), 253)
$$;

-- Read an instant in RFC 3339, as formats write it into metadata; NULL if the text is none.
CREATE OR REPLACE FUNCTION analytics.instant(written text) RETURNS timestamptz
    LANGUAGE plpgsql STABLE
    AS $$
BEGIN
    IF written !~ '^\d{4}-\d\d-\d\dT\d\d:\d\d' THEN
        RETURN NULL;
    END IF;
    RETURN written::timestamptz;
EXCEPTION WHEN data_exception THEN
    RETURN NULL;
END
$$;

-- Read a number in metadata; NULL if it is none, or does not fit into a column.
CREATE OR REPLACE FUNCTION analytics.number(value jsonb) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN CASE WHEN abs(value::numeric) < 1e300
    AND (value::numeric = 0 OR abs(value::numeric) > 1e-300) THEN value::float8 END END
$$;

-- Return the day in UTC; 0001-01-01 for a record without a time.
CREATE OR REPLACE FUNCTION analytics.day_of(at timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT coalesce((at AT TIME ZONE 'UTC')::date, date '0001-01-01') $$;

-- Return the user's documents of some days, from the search index, which has all of them by time.
-- Each day is looked up by itself, so that the planner uses the index.
CREATE OR REPLACE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text) LANGUAGE sql STABLE
    AS $$
SELECT d.day, s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM unnest(days) AS d (day) CROSS JOIN LATERAL (
    SELECT f.source, f.data_type, f.record_type, f.record_key, f.domain FROM user_data.search AS f
    WHERE f.user_id = (SELECT imports.current_user_id())
      AND f.at >= d.day::timestamp AT TIME ZONE 'UTC'
      AND f.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC' OFFSET 0) AS s
UNION ALL
SELECT date '0001-01-01', s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM user_data.search AS s
WHERE s.user_id = (SELECT imports.current_user_id()) AND s.at IS NULL
    AND date '0001-01-01' = ANY(days)
$$;

-- Queue the days that documents had, which leave or are indexed again. No load fires this trigger,
-- only a rollback, a replacement, and a document that is indexed again.
CREATE OR REPLACE FUNCTION analytics.document_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'documents', analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;

-- The same for locations and metrics.
CREATE OR REPLACE FUNCTION analytics.series_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, TG_TABLE_NAME, analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;

-- Delete the near-duplicate links, bands and signature of a document that leaves.
CREATE OR REPLACE FUNCTION analytics.not_alike_any_more() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.other_key = c.record_key
          AND r.relation = 'near_duplicate_of';
    DELETE FROM user_data.relations AS r USING changed AS c
        WHERE r.user_id = c.user_id AND r.record_key = c.record_key
          AND r.relation = 'near_duplicate_of';
    DELETE FROM analytics.bands AS b USING changed AS c, analytics.fingerprints AS f,
            unnest(f.bands) AS held
        WHERE f.document_id = c.id AND b.user_id = f.user_id AND b.band = held
          AND b.document_id = f.document_id;
    DELETE FROM analytics.fingerprints AS f USING changed AS c WHERE f.document_id = c.id;
    RETURN NULL;
END
$$;
