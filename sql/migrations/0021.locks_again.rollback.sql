DROP FUNCTION imports.keep_hold, imports.end_hold;
CREATE OR REPLACE FUNCTION imports.hold_texts(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtextextended('datapunk.texts' || owner, 0))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('datapunk.texts' || owner, 0)) END
$$;
