-- depends: 0017.policy_gate 0019.locks_of_users
-- Locks that came beside imports.hold are taken through it, too.

CREATE OR REPLACE FUNCTION imports.hold_texts(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$ SELECT imports.hold(owner, 'texts', alone) $$;

-- A lock of the session, which outlives its transaction; false where another session has it.
CREATE FUNCTION imports.keep_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    IF owner IS DISTINCT FROM imports.current_user_id() OR owner IS NULL THEN
        RAISE EXCEPTION 'a lock is held for the user of the transaction alone'
            USING ERRCODE = 'insufficient_privilege';
    END IF;
    RETURN pg_try_advisory_lock(hashtextextended('datapunk.' || what || owner, 0));
END
$$;

-- Only who has a lock can let it go.
CREATE FUNCTION imports.end_hold(owner uuid, what text) RETURNS boolean
    LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    AS $$ SELECT pg_advisory_unlock(hashtextextended('datapunk.' || what || owner, 0)) $$;

REVOKE EXECUTE ON FUNCTION imports.keep_hold, imports.end_hold FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.keep_hold, imports.end_hold TO datapunk_ingest;
