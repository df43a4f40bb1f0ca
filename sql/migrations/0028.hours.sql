-- depends: 0027.names
-- Hours of locations and metrics are added to as rows come in: a load no longer has its days counted
-- anew, which took longer with every export of the same months. The functions' bodies follow in
-- functions/timeseries.sql, which is applied next.
CREATE FUNCTION timeseries.add_locations() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION timeseries.add_metrics() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER hours AFTER INSERT ON timeseries.locations REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION timeseries.add_locations();
CREATE TRIGGER hours AFTER INSERT ON timeseries.metrics REFERENCING NEW TABLE AS came
    FOR EACH STATEMENT EXECUTE FUNCTION timeseries.add_metrics();

-- Which months are analysed is told by how much they have grown, and no longer by their rows.
DROP FUNCTION IF EXISTS imports.analyze_month(regclass, date);
