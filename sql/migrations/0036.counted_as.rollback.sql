-- Each record is counted. Its days are counted again where it was not.
ALTER TABLE analytics.touched NO FORCE ROW LEVEL SECURITY;
ALTER TABLE user_data.search NO FORCE ROW LEVEL SECURITY;
DELETE FROM analytics.touched WHERE series = 'same_as';
INSERT INTO analytics.touched (user_id, series, day)
    SELECT DISTINCT user_id, 'documents', analytics.day_of(at)
    FROM user_data.search WHERE counted_key IS NOT NULL;
ALTER TABLE user_data.search FORCE ROW LEVEL SECURITY;
ALTER TABLE analytics.touched FORCE ROW LEVEL SECURITY;

DROP TRIGGER same_as_went ON user_data.relations;
DROP TRIGGER same_as_came ON user_data.relations;
DROP FUNCTION analytics.same_as_changed();
ALTER TABLE analytics.touched DROP CONSTRAINT touched_series_check;
ALTER TABLE analytics.touched DROP COLUMN record_key;
ALTER TABLE analytics.touched ADD CONSTRAINT touched_series_check
    CHECK (series IN ('documents', 'locations', 'metrics'));
DROP INDEX user_data.relations_same_as;
ALTER TABLE user_data.search DROP COLUMN counted_key;
DROP FUNCTION IF EXISTS analytics.mentions_of(date[]), analytics.same_on(date[]), analytics.documents_on(date[]),
    analytics.mentions_in(uuid, text);

-- As it was: no record is left out.
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
CREATE OR REPLACE FUNCTION analytics.document_days_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT user_id, 'documents', analytics.day_of(at) FROM changed;
    RETURN NULL;
END
$$;
