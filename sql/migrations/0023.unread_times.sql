-- depends: 0022.own_keys 0020.fields
-- Positions and measured values hold no text that a record chose but a time that can't be read.

-- Takes that text away from all of the user's rows; how many had one, by series.
CREATE FUNCTION timeseries.forget_unread_times() RETURNS TABLE (series text, records bigint)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    FOREACH series IN ARRAY ARRAY['locations', 'metrics'] LOOP
        -- They lie before all others, in a partition of their own.
        EXECUTE format('UPDATE timeseries.%I SET metadata = jsonb_set(metadata, ''{time,text}'', ''""'')
            WHERE user_id = imports.current_user_id() AND at < ''1900-01-01 00:00:00+00''
              AND metadata->''time''->>''flag'' = ''time_unread''
              AND metadata->''time''->>''text'' <> ''''', series);
        GET DIAGNOSTICS records = ROW_COUNT;
        RETURN NEXT;
    END LOOP;
END
$$;
REVOKE EXECUTE ON FUNCTION timeseries.forget_unread_times FROM PUBLIC;
GRANT EXECUTE ON FUNCTION timeseries.forget_unread_times TO datapunk_ingest;
