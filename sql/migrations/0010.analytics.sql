-- depends: 0009.privacy
-- Statistics, quality and near duplicates. All of it is made behind the load, from what the lake
-- and its search index hold; the load itself notes which days of a series it touched, no more.

-- --- what has to be counted again --------------------------------------------------------------

-- Days whose rows changed. A queue: who counts a day again takes its rows out in the same
-- transaction, so that a crash loses nothing. `day` is 0001-01-01 for what has no time.
CREATE TABLE analytics.touched (
    user_id uuid NOT NULL,
    series text NOT NULL CHECK (series IN ('documents', 'locations', 'metrics')),
    day date NOT NULL,
    at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX touched_by_user ON analytics.touched (user_id, series, day);

-- --- aggregates --------------------------------------------------------------------------------

-- By the hour in UTC; days are views over these, so the two can't differ.
CREATE TABLE timeseries.locations_by_hour (
    user_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    source text NOT NULL,
    points bigint NOT NULL,
    south double precision NOT NULL,
    north double precision NOT NULL,
    west double precision NOT NULL,
    east double precision NOT NULL,
    PRIMARY KEY (user_id, hour, source)
);
CREATE TABLE timeseries.metrics_by_hour (
    user_id uuid NOT NULL,
    hour timestamptz NOT NULL,
    name text NOT NULL,
    unit text NOT NULL,
    source text NOT NULL,
    samples bigint NOT NULL,
    total double precision NOT NULL,
    least double precision NOT NULL,
    greatest double precision NOT NULL,
    PRIMARY KEY (user_id, hour, name, unit, source)
);
CREATE TABLE analytics.documents_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    source text NOT NULL,
    data_type text NOT NULL,
    record_type text NOT NULL,
    documents bigint NOT NULL,
    PRIMARY KEY (user_id, day, source, data_type, record_type)
);
-- In how many documents of a day an entity stands; links are counted by their domain instead.
CREATE TABLE analytics.entities_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    entity_key uuid NOT NULL,
    documents bigint NOT NULL,
    PRIMARY KEY (user_id, day, entity_key)
);
CREATE TABLE analytics.domains_by_day (
    user_id uuid NOT NULL,
    day date NOT NULL,
    domain text NOT NULL,
    documents bigint NOT NULL,
    PRIMARY KEY (user_id, day, domain)
);

-- The host of a document's own address, so that a day is counted from the search index alone.
ALTER TABLE user_data.search ADD COLUMN domain text;
CREATE FUNCTION analytics.domain_of(url text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT left(regexp_replace(lower(substring(url from '^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/@?#]*@)?([^/:?#]+)')),
    '^www\.', ''), 253)
$$;

-- --- quality -----------------------------------------------------------------------------------

-- Scores of a job (`file_id` NULL) and of its files, each time that they were taken; 0 to 1, the
-- share of records without a problem of the kind. `problems` is {rule: records}; `below` names the
-- scores that were under their threshold then.
CREATE TABLE analytics.quality (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id uuid NOT NULL,
    job_id uuid NOT NULL,
    file_id bigint,
    scored_at timestamptz NOT NULL DEFAULT now(),
    records bigint NOT NULL,           -- in the lake, and in quarantine
    quarantined bigint NOT NULL,
    completeness double precision NOT NULL,
    accuracy double precision NOT NULL,
    consistency double precision NOT NULL,
    problems jsonb NOT NULL,
    below text[] NOT NULL DEFAULT '{}'
);
CREATE INDEX quality_by_job ON analytics.quality (job_id, scored_at);

-- What stood in the job's counts when it was scored last: where they differ, it is scored again.
ALTER TABLE imports.jobs ADD COLUMN scored jsonb;

-- An instant in RFC 3339, as formats write them into metadata; NULL where it is none.
CREATE FUNCTION analytics.instant(written text) RETURNS timestamptz
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

-- A number in metadata; NULL where it is none, or none that a column could hold.
CREATE FUNCTION analytics.number(value jsonb) RETURNS double precision
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$
SELECT CASE WHEN jsonb_typeof(value) = 'number' THEN CASE WHEN abs(value::numeric) < 1e300
    AND (value::numeric = 0 OR abs(value::numeric) > 1e-300) THEN value::float8 END END
$$;

-- --- near duplicates ---------------------------------------------------------------------------

-- Documents that were not compared yet: a queue, as user_data.unindexed is.
CREATE TABLE analytics.uncompared (
    user_id uuid NOT NULL,
    document_id bigint NOT NULL,
    data_type text NOT NULL,
    partition_at timestamptz NOT NULL
);
CREATE INDEX uncompared_by_user ON analytics.uncompared (user_id);

-- What a text or an image looks like: signatures of two that are alike agree in most places.
CREATE TABLE analytics.fingerprints (
    document_id bigint NOT NULL,
    user_id uuid NOT NULL,
    record_key uuid NOT NULL,
    kind text NOT NULL CHECK (kind IN ('text', 'image')),
    signature bytea NOT NULL,
    bands bigint[] NOT NULL,
    PRIMARY KEY (document_id, user_id)
);
-- Documents by parts of their signatures: two that are alike share one at least.
CREATE TABLE analytics.bands (
    user_id uuid NOT NULL,
    band bigint NOT NULL,
    document_id bigint NOT NULL,
    PRIMARY KEY (user_id, band, document_id)
);

-- Of `near_duplicate_of`: the share of their signatures that agrees. NULL for what exports say.
ALTER TABLE user_data.relations ADD COLUMN similarity real;

-- --- rights ------------------------------------------------------------------------------------

DO $$
DECLARE
    target text;
BEGIN
    FOREACH target IN ARRAY ARRAY['analytics.touched', 'timeseries.locations_by_hour',
        'timeseries.metrics_by_hour', 'analytics.documents_by_day', 'analytics.entities_by_day',
        'analytics.domains_by_day', 'analytics.quality', 'analytics.uncompared',
        'analytics.fingerprints', 'analytics.bands'] LOOP
        PERFORM imports.isolate(target::regclass);
        -- All of it can be made again from the lake, so who makes it may also take it away.
        EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO datapunk_ingest', target);
        EXECUTE format('GRANT SELECT ON %s TO datapunk_reader', target);
    END LOOP;
    REVOKE UPDATE, DELETE ON analytics.quality FROM datapunk_ingest;
    -- What is taken back or replaced is told by triggers, which run as the owner then.
    FOREACH target IN ARRAY ARRAY['analytics.touched', 'analytics.fingerprints',
        'analytics.bands', 'analytics.uncompared'] LOOP
        EXECUTE format('CREATE POLICY rollback ON %s TO datapunk_owner '
            'USING (user_id = (SELECT imports.current_user_id())) '
            'WITH CHECK (user_id = (SELECT imports.current_user_id()))', target);
    END LOOP;
    -- The control plane sees that there is work, and whose; no content.
    FOREACH target IN ARRAY ARRAY['analytics.touched', 'analytics.uncompared'] LOOP
        EXECUTE format('CREATE POLICY ledger ON %s TO datapunk_ledger USING (true)', target);
        EXECUTE format('GRANT SELECT ON %s TO datapunk_ledger', target);
    END LOOP;
END
$$;
GRANT USAGE ON SCHEMA analytics TO datapunk_ledger;
-- What exports say of relations stays; what we found is found again when a document changes.
GRANT DELETE ON user_data.relations TO datapunk_ingest;
CREATE POLICY found_by_us ON user_data.relations AS RESTRICTIVE FOR DELETE TO datapunk_ingest
    USING (relation = 'near_duplicate_of' AND user_id = (SELECT imports.current_user_id()));

-- --- what changes the lake tells of it ---------------------------------------------------------

CREATE FUNCTION analytics.day_of(at timestamptz) RETURNS date
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    AS $$ SELECT coalesce((at AT TIME ZONE 'UTC')::date, date '0001-01-01') $$;

-- The user's documents of those days, by the search index, which has them all by their time.
CREATE FUNCTION analytics.documents_of(days date[]) RETURNS TABLE (day date, source text,
    data_type text, record_type text, record_key uuid, domain text) LANGUAGE sql STABLE
    AS $$
SELECT d.day, s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM unnest(days) AS d (day) JOIN user_data.search AS s
    ON s.user_id = (SELECT imports.current_user_id())
    AND s.at >= d.day::timestamp AT TIME ZONE 'UTC'
    AND s.at < (d.day + 1)::timestamp AT TIME ZONE 'UTC'
UNION ALL
SELECT date '0001-01-01', s.source, s.data_type, s.record_type, s.record_key, s.domain
FROM user_data.search AS s
WHERE s.user_id = (SELECT imports.current_user_id()) AND s.at IS NULL
    AND date '0001-01-01' = ANY(days)
$$;

-- Only a rollback, and whoever replaces documents, come by here: no load does.
CREATE FUNCTION analytics.document_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'documents', analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;
CREATE FUNCTION analytics.series_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, TG_TABLE_NAME, analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;
CREATE FUNCTION analytics.not_alike_any_more() RETURNS trigger
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
CREATE TRIGGER days_changed AFTER DELETE ON user_data.search
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION analytics.document_days_changed();
CREATE TRIGGER days_changed AFTER DELETE ON timeseries.locations
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION analytics.series_days_changed();
CREATE TRIGGER days_changed AFTER DELETE ON timeseries.metrics
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION analytics.series_days_changed();
CREATE TRIGGER not_alike_any_more AFTER DELETE ON user_data.documents
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION analytics.not_alike_any_more();
CREATE TRIGGER compared_again AFTER UPDATE ON user_data.documents
    REFERENCING OLD TABLE AS changed FOR EACH STATEMENT
    EXECUTE FUNCTION analytics.not_alike_any_more();

-- --- what people ask ---------------------------------------------------------------------------

-- Views run with the rights, and the rows, of whoever asks; none shows whose rows they are. They
-- read tables that are always up to date but for what the queue holds, and nobody waits for them.
CREATE VIEW timeseries.locations_by_day WITH (security_invoker = true) AS
    SELECT analytics.day_of(hour) AS day, source, sum(points)::bigint AS points,
        min(south) AS south, max(north) AS north, min(west) AS west, max(east) AS east
    FROM timeseries.locations_by_hour GROUP BY user_id, 1, source;

CREATE VIEW timeseries.metrics_by_day WITH (security_invoker = true) AS
    SELECT analytics.day_of(hour) AS day, name, unit, source, sum(samples)::bigint AS samples,
        sum(total) AS total, sum(total) / sum(samples) AS mean, min(least) AS least,
        max(greatest) AS greatest
    FROM timeseries.metrics_by_hour GROUP BY user_id, 1, name, unit, source;

-- Records by day (NULL: no time), source and type; positions and measured values are types too.
CREATE VIEW analytics.by_day WITH (security_invoker = true) AS
    SELECT nullif(day, date '0001-01-01') AS day, source, data_type, record_type,
        documents AS records
    FROM analytics.documents_by_day
    UNION ALL
    SELECT nullif(day, date '0001-01-01'), source, 'location', 'position', points
    FROM timeseries.locations_by_day
    UNION ALL
    SELECT nullif(day, date '0001-01-01'), source, 'activity', name, samples
    FROM timeseries.metrics_by_day;

CREATE VIEW analytics.by_source WITH (security_invoker = true) AS
    SELECT source, sum(records)::bigint AS records, min(day) AS first, max(day) AS last,
        count(DISTINCT day) AS days
    FROM analytics.by_day GROUP BY source;

CREATE VIEW analytics.by_type WITH (security_invoker = true) AS
    SELECT record_type, sum(records)::bigint AS records, min(day) AS first, max(day) AS last,
        count(DISTINCT day) AS days
    FROM analytics.by_day GROUP BY record_type;

-- Who, where and which site, by day: `what` is person, place or domain.
CREATE VIEW analytics.names_by_day WITH (security_invoker = true) AS
    SELECT nullif(d.day, date '0001-01-01') AS day,
        CASE e.kind WHEN 'place' THEN 'place' ELSE 'person' END AS what,
        e.value, e.name, d.documents AS records
    FROM analytics.entities_by_day AS d
    JOIN user_data.entities AS e ON e.user_id = d.user_id AND e.entity_key = d.entity_key
    UNION ALL
    SELECT nullif(day, date '0001-01-01'), 'domain', domain, NULL, documents
    FROM analytics.domains_by_day;

CREATE VIEW analytics.top_people WITH (security_invoker = true) AS
    SELECT value, max(name) AS name, sum(records)::bigint AS records, min(day) AS first,
        max(day) AS last
    FROM analytics.names_by_day WHERE what = 'person' GROUP BY value ORDER BY 3 DESC, 1;
CREATE VIEW analytics.top_places WITH (security_invoker = true) AS
    SELECT value, max(name) AS name, sum(records)::bigint AS records, min(day) AS first,
        max(day) AS last
    FROM analytics.names_by_day WHERE what = 'place' GROUP BY value ORDER BY 3 DESC, 1;
CREATE VIEW analytics.top_domains WITH (security_invoker = true) AS
    SELECT value, sum(records)::bigint AS records, min(day) AS first, max(day) AS last
    FROM analytics.names_by_day WHERE what = 'domain' GROUP BY value ORDER BY 2 DESC, 1;

-- Days without any record between two that have some; `source` NULL is the whole lake.
CREATE VIEW analytics.gaps WITH (security_invoker = true) AS
    WITH days AS (
        SELECT source, day FROM analytics.by_day WHERE day IS NOT NULL GROUP BY GROUPING SETS
            ((source, day), (day))),
    steps AS (
        SELECT source, lag(day) OVER (PARTITION BY source ORDER BY day) AS before, day FROM days)
    SELECT source, before + 1 AS first, day - 1 AS last, day - before - 1 AS days
    FROM steps WHERE day - before > 1;

-- The latest scores of each job and file.
CREATE VIEW analytics.quality_now WITH (security_invoker = true) AS
    SELECT DISTINCT ON (job_id, file_id) job_id, file_id, scored_at, records, quarantined,
        completeness, accuracy, consistency, problems, below
    FROM analytics.quality ORDER BY job_id, file_id, scored_at DESC, id DESC;

GRANT SELECT ON timeseries.locations_by_day, timeseries.metrics_by_day, analytics.by_day,
    analytics.by_source, analytics.by_type, analytics.names_by_day, analytics.top_people,
    analytics.top_places, analytics.top_domains, analytics.gaps, analytics.quality_now
    TO datapunk_reader, datapunk_ingest;

-- What the lake holds already is indexed and counted again, when there is time. Whoever migrates
-- acts for no user, and sees no row while row-level security is forced.
DO $$
DECLARE
    target text;
    held CONSTANT text[] := ARRAY['user_data.documents', 'user_data.unindexed',
        'timeseries.locations', 'timeseries.metrics', 'analytics.touched'];
BEGIN
    FOREACH target IN ARRAY held LOOP
        EXECUTE format('ALTER TABLE %s NO FORCE ROW LEVEL SECURITY', target);
    END LOOP;
    INSERT INTO user_data.unindexed (user_id, document_id, data_type, partition_at)
        SELECT user_id, id, data_type, partition_at FROM user_data.documents;
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'locations', analytics.day_of(at) FROM timeseries.locations
        UNION ALL
        SELECT DISTINCT user_id, 'metrics', analytics.day_of(at) FROM timeseries.metrics;
    FOREACH target IN ARRAY held LOOP
        EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    END LOOP;
END
$$;
