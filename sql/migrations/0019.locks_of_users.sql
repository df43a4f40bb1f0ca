-- depends: 0014.bulk_vectors
-- Locks of a user's rows are taken for the user of the transaction alone: who could take another's
-- would stop their imports. The functions of Postgres behind them are closed (sql/confine.sql).

CREATE FUNCTION imports.hold(owner uuid, what text, alone boolean) RETURNS void
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF owner IS DISTINCT FROM imports.current_user_id() OR owner IS NULL THEN
        RAISE EXCEPTION 'a lock is held for the user of the transaction alone'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    IF alone THEN
        PERFORM pg_advisory_xact_lock(hashtextextended('datapunk.' || what || owner, 0));
    ELSE
        PERFORM pg_advisory_xact_lock_shared(hashtextextended('datapunk.' || what || owner, 0));
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION imports.hold_lake(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.hold(owner, 'lake', alone) $$;

REVOKE EXECUTE ON FUNCTION imports.hold, imports.hold_lake FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.hold, imports.hold_lake TO datapunk_ingest;
