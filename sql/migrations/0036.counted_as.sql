-- depends: 0035.queue_keys
-- Of records that are the same, one is counted. Which one is decided before days are counted, since
-- the records may come, change and leave one by one. `user_data.search` stores the decision. A plan
-- from old statistics would join another table to each document. The bodies of the functions follow
-- in functions/analytics.sql, which is applied next.
ALTER TABLE user_data.search ADD COLUMN counted_key uuid;
CREATE INDEX search_counted_as ON user_data.search (user_id, counted_key)
    WHERE counted_key IS NOT NULL;

-- Few relations are of this kind. A user without one costs one look-up.
CREATE INDEX relations_same_as ON user_data.relations (user_id, other_key, record_key)
    WHERE relation = 'same_as';

-- A relation comes and goes without its documents: its records are queued, with no day.
ALTER TABLE analytics.touched ADD COLUMN record_key uuid;
ALTER TABLE analytics.touched DROP CONSTRAINT touched_series_check;
ALTER TABLE analytics.touched ADD CONSTRAINT touched_series_check CHECK (
    series IN ('documents', 'locations', 'metrics', 'same_as')
    AND (series = 'same_as') = (record_key IS NOT NULL));

CREATE FUNCTION analytics.same_as_changed() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER same_as_came AFTER INSERT ON user_data.relations
    REFERENCING NEW TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.same_as_changed();
CREATE TRIGGER same_as_went AFTER DELETE ON user_data.relations
    REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.same_as_changed();

-- What a lake has already is decided and counted again when there is time.
ALTER TABLE user_data.relations NO FORCE ROW LEVEL SECURITY;
ALTER TABLE analytics.touched NO FORCE ROW LEVEL SECURITY;
INSERT INTO analytics.touched (user_id, series, day, record_key)
    SELECT DISTINCT user_id, 'same_as', date '0001-01-01', least(record_key, other_key)
    FROM user_data.relations WHERE relation = 'same_as';
ALTER TABLE user_data.relations FORCE ROW LEVEL SECURITY;
ALTER TABLE analytics.touched FORCE ROW LEVEL SECURITY;
