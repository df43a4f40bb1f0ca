-- Functions of locations and metrics: partitions and new readings.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Make the missing month partitions of locations or metrics. Return their number.
CREATE OR REPLACE FUNCTION timeseries.ensure_partitions(series text, months date[])
    RETURNS integer LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF series NOT IN ('locations', 'metrics') THEN
        RAISE EXCEPTION 'no series of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    RETURN imports.ensure_months(format('timeseries.%s', series)::regclass, 'timeseries', series,
        months);
END
$$;

-- Replace rows of a series that differ from the staged ones, as user_data.renew_documents does.
CREATE OR REPLACE FUNCTION timeseries.renew(series text, job uuid, file_ids bigint[])
    RETURNS TABLE (file bigint, chunk bigint, merged boolean)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp
    AS $$
DECLARE
    value_columns text := CASE series
        WHEN 'locations' THEN '{}latitude, {}longitude, {}altitude_m, {}accuracy_m, {}source, {}metadata'
        WHEN 'metrics' THEN '{}until, {}name, {}value, {}unit, {}source, {}metadata' END;
BEGIN
    IF value_columns IS NULL THEN
        RAISE EXCEPTION 'no series of that name' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    EXECUTE format('CREATE TEMPORARY TABLE renewed ON COMMIT DROP AS '
        'SELECT s.*, c.own_at, c.own_chunk, c.file_id, s.at <> c.own_at AND EXISTS ('
        '    SELECT FROM timeseries.%1$I AS o WHERE o.user_id = imports.current_user_id() '
        '    AND o.record_key = s.record_key AND o.at = s.at) AS merged '
        'FROM pg_temp.stage_%1$s AS s JOIN pg_temp.chosen AS c ON c.state = ''compare'' '
        '    AND c.key = s.record_key AND c.file_id = ($1)[s.slot + 1] '
        'JOIN timeseries.%1$I AS t ON t.user_id = imports.current_user_id() '
        '    AND t.record_key = s.record_key AND t.at = c.own_at '
        'WHERE (t.at, %2$s) IS DISTINCT FROM (s.at, %3$s)',
        series, replace(value_columns, '{}', 't.'), replace(value_columns, '{}', 's.')) USING file_ids;
    INSERT INTO imports.claims (user_id, data_type, record_key, at, job_id, file_id, chunk_id)
        SELECT c.user_id, series, c.record_key, r.at, c.job_id, c.file_id, c.chunk_id
        FROM renewed AS r JOIN imports.claims AS c ON c.user_id = imports.current_user_id()
            AND c.data_type = series AND c.record_key = r.record_key AND c.at = r.own_at
        WHERE r.at <> r.own_at
        UNION
        SELECT imports.current_user_id(), series, r.record_key, r.at, job, r.file_id, r.own_chunk
        FROM renewed AS r WHERE r.merged
        ON CONFLICT DO NOTHING;
    INSERT INTO analytics.touched (user_id, series, day)
        SELECT DISTINCT imports.current_user_id(), renew.series, analytics.day_of(t.at)
        FROM renewed AS r, unnest(ARRAY[r.own_at, r.at]) AS t (at);
    DELETE FROM imports.claims AS c USING renewed AS r
        WHERE r.at <> r.own_at AND c.user_id = imports.current_user_id() AND c.data_type = series
          AND c.record_key = r.record_key AND c.at = r.own_at;
    EXECUTE format('DELETE FROM timeseries.%I AS t USING renewed AS r WHERE r.merged '
        'AND t.user_id = imports.current_user_id() AND t.record_key = r.record_key '
        'AND t.at = r.own_at AND t.job_id = $1', series) USING job;
    EXECUTE format('UPDATE timeseries.%I AS t SET (at, %s) = (r.at, %s) FROM renewed AS r '
        'WHERE t.user_id = imports.current_user_id() AND t.record_key = r.record_key '
        'AND t.at = r.own_at AND t.job_id = $1 AND NOT r.merged',
        series, replace(value_columns, '{}', ''), replace(value_columns, '{}', 'r.')) USING job;
    RETURN QUERY SELECT r.file_id, r.own_chunk, r.merged FROM renewed AS r;
    DROP TABLE renewed;
END
$$;

-- Add new positions to their hours, in the transaction that inserts them. The hours
-- of deleted or changed positions are counted again instead (analytics.touched).
CREATE OR REPLACE FUNCTION timeseries.add_locations() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeseries.locations_by_hour AS h (user_id, hour, source, points, south, north,
            west, east)
        SELECT user_id, date_bin('1 hour', at, '2000-01-01Z'), source, count(*), min(latitude),
            max(latitude), min(longitude), max(longitude)
        FROM came GROUP BY 1, 2, 3 ORDER BY 1, 2, 3  -- one order for all, as of the rows
        ON CONFLICT (user_id, hour, source) DO UPDATE SET points = h.points + excluded.points,
            south = least(h.south, excluded.south), north = greatest(h.north, excluded.north),
            west = least(h.west, excluded.west), east = greatest(h.east, excluded.east);
    RETURN NULL;
END
$$;

-- The same for metrics.
CREATE OR REPLACE FUNCTION timeseries.add_metrics() RETURNS trigger
    LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO timeseries.metrics_by_hour AS h (user_id, hour, name, unit, source, samples, total,
            least, greatest)
        SELECT user_id, date_bin('1 hour', at, '2000-01-01Z'), name, unit, source, count(*),
            sum(value), min(value), max(value)
        FROM came GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
        ON CONFLICT (user_id, hour, name, unit, source) DO UPDATE SET
            samples = h.samples + excluded.samples, total = h.total + excluded.total,
            least = least(h.least, excluded.least),
            greatest = greatest(h.greatest, excluded.greatest);
    RETURN NULL;
END
$$;

-- Remove the texts of unread times from all of the user's rows. Return the number of changed rows
-- by series.
CREATE OR REPLACE FUNCTION timeseries.forget_unread_times() RETURNS TABLE (series text, records bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    FOREACH series IN ARRAY ARRAY['locations', 'metrics'] LOOP
        -- Rows without a time are in a partition of their own, before all others.
        EXECUTE format('UPDATE timeseries.%I SET metadata = jsonb_set(metadata, ''{time,text}'', ''""'')
            WHERE user_id = imports.current_user_id() AND at < ''1900-01-01 00:00:00+00''
              AND metadata->''time''->>''flag'' = ''time_unread''
              AND metadata->''time''->>''text'' <> ''''', series);
        GET DIAGNOSTICS records = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION
    timeseries.ensure_partitions(text,date[]),
    timeseries.forget_unread_times(),
    timeseries.renew(text,uuid,bigint[])
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    timeseries.ensure_partitions(text,date[]),
    timeseries.forget_unread_times(),
    timeseries.renew(text,uuid,bigint[])
    TO datapunk_ingest;
