GRANT EXECUTE ON FUNCTION imports.hold_lake TO PUBLIC;
REVOKE EXECUTE ON FUNCTION imports.hold_lake FROM datapunk_ingest;
CREATE OR REPLACE FUNCTION imports.hold_lake(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtextextended('datapunk.lake' || owner, 0))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('datapunk.lake' || owner, 0)) END
$$;
DROP FUNCTION imports.hold;
