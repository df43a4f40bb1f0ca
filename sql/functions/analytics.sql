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
CREATE OR REPLACE FUNCTION analytics.documents_on(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text, counted_key uuid)
    LANGUAGE sql STABLE
    AS $$
SELECT d.day, s.source, s.data_type, s.record_type, s.record_key, s.domain, s.counted_key
FROM unnest(days) AS d (day) CROSS JOIN LATERAL (
    SELECT f.source, f.data_type, f.record_type, f.record_key, f.domain, f.counted_key
    FROM user_data.search AS f
    WHERE f.user_id = (SELECT imports.current_user_id())
      AND f.at >= d.day::timestamp AT TIME ZONE 'UTC'
      AND f.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC' OFFSET 0) AS s
UNION ALL
SELECT date '0001-01-01', s.source, s.data_type, s.record_type, s.record_key, s.domain,
    s.counted_key
FROM user_data.search AS s
WHERE s.user_id = (SELECT imports.current_user_id()) AND s.at IS NULL
    AND date '0001-01-01' = ANY(days)
$$;

-- Return those of the user's documents of some days that are counted: of records that are the same,
-- one.
CREATE OR REPLACE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text) LANGUAGE sql STABLE
    AS $$
SELECT d.day, d.source, d.data_type, d.record_type, d.record_key, d.domain
FROM analytics.documents_on(days) AS d WHERE d.counted_key IS NULL
$$;

-- Return the records of some days that are the same as others. Without nested loops, all documents
-- are looked up in one hash table: after a load, statistics may tell of no such relation.
CREATE OR REPLACE FUNCTION analytics.same_on(days date[]) RETURNS TABLE (record_key uuid)
    LANGUAGE sql STABLE SET enable_nestloop = off
    AS $$
SELECT d.record_key FROM analytics.documents_on(days) AS d
WHERE d.record_key IN (
        SELECT r.record_key FROM user_data.relations AS r
        WHERE r.user_id = (SELECT imports.current_user_id()) AND r.relation = 'same_as'
        UNION ALL
        SELECT r.other_key FROM user_data.relations AS r
        WHERE r.user_id = (SELECT imports.current_user_id()) AND r.relation = 'same_as')
  AND (SELECT r.other_key FROM user_data.relations AS r  -- the order makes it one look-up
    WHERE r.user_id = (SELECT imports.current_user_id()) AND r.relation = 'same_as'
    ORDER BY r.other_key LIMIT 1) IS NOT NULL
$$;

-- Return whether a record mentions someone, or something, in a role.
CREATE OR REPLACE FUNCTION analytics.mentions_in(key uuid, of_role text) RETURNS boolean
    LANGUAGE sql STABLE
    AS $$
SELECT EXISTS (SELECT FROM user_data.mentions AS m
    WHERE m.user_id = (SELECT imports.current_user_id()) AND m.record_key = key AND m.role = of_role)
$$;

-- Return what the counted documents of some days mention. In a role in which such a document
-- mentions nobody, that is what the records mention that are counted as it: of a photo that came
-- before its sidecar, only the sidecar names the people.
CREATE OR REPLACE FUNCTION analytics.mentions_of(days date[]) RETURNS TABLE (day date,
    record_key uuid, entity_key uuid, role text) LANGUAGE sql STABLE
    AS $$
SELECT d.day, d.record_key, m.entity_key, m.role
FROM analytics.documents_of(days) AS d JOIN user_data.mentions AS m
    ON m.user_id = (SELECT imports.current_user_id()) AND m.record_key = d.record_key
UNION ALL
SELECT d.day, d.record_key, said.entity_key, said.role
FROM analytics.documents_of(days) AS d CROSS JOIN LATERAL (
    SELECT m.entity_key, m.role FROM user_data.search AS o JOIN user_data.mentions AS m
        ON m.user_id = (SELECT imports.current_user_id()) AND m.record_key = o.record_key
    WHERE o.user_id = (SELECT imports.current_user_id()) AND o.counted_key = d.record_key
    OFFSET 0) AS said
WHERE NOT analytics.mentions_in(d.record_key, said.role)
  AND (SELECT o.counted_key FROM user_data.search AS o
    WHERE o.user_id = (SELECT imports.current_user_id()) AND o.counted_key IS NOT NULL
    ORDER BY o.counted_key LIMIT 1) IS NOT NULL
$$;

-- Queue the days of documents that leave, and those of them that other records are the same as. A
-- record that was counted as one of them counts at once. Only a rollback and a replacement fire this
-- trigger, not a load.
CREATE OR REPLACE FUNCTION analytics.document_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'documents', analytics.day_of(at) FROM changed;
    INSERT INTO analytics.touched (user_id, series, day, record_key)
        SELECT DISTINCT c.user_id, 'same_as', date '0001-01-01', c.record_key FROM changed AS c
        WHERE (c.user_id, c.record_key) IN (
            SELECT r.user_id, r.record_key FROM user_data.relations AS r
            WHERE r.relation = 'same_as'
            UNION ALL
            SELECT r.user_id, r.other_key FROM user_data.relations AS r
            WHERE r.relation = 'same_as');
    UPDATE user_data.search AS s SET counted_key = NULL FROM changed AS c
        WHERE s.user_id = c.user_id AND s.counted_key = c.record_key;
    RETURN NULL;
END
$$;

-- Queue the records of each `same_as` that comes or goes: which of them is counted may change. One of
-- two that are joined leads to the other.
CREATE OR REPLACE FUNCTION analytics.same_as_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day, record_key)
        SELECT DISTINCT c.user_id, 'same_as', date '0001-01-01', one.record_key
        FROM changed AS c CROSS JOIN LATERAL (
            SELECT least(c.record_key, c.other_key) AS record_key
            UNION ALL
            SELECT greatest(c.record_key, c.other_key) WHERE TG_OP = 'DELETE') AS one
        WHERE c.relation = 'same_as';
    RETURN NULL;
END
$$;

-- Queue the days that documents had which were indexed again and have another time. The statement
-- that indexes queues the days that they have.
CREATE OR REPLACE FUNCTION analytics.document_days_left() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT user_id, 'documents', day FROM (
            SELECT user_id, analytics.day_of(at) AS day FROM before
            EXCEPT SELECT user_id, analytics.day_of(at) FROM after) AS left_days;
    RETURN NULL;
END
$$;

-- Queue the days of positions and metrics that leave.
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
