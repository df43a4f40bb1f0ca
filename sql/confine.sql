-- What every role of a database may do by default, and those of the lake need not: take locks that
-- others wait for, and store large objects, which no policy and no count of rows covers. Run by the
-- administrator after the roles are made; safe to run again. Functions of Postgres itself can be
-- closed by a superuser only. Locks of a user's rows are taken by imports.hold.
DO $$
DECLARE
    target regprocedure;
BEGIN
    IF NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
        RAISE NOTICE 'advisory locks and large objects stay open to all roles: that takes a superuser';
        RETURN;
    END IF;
    FOR target IN SELECT p.oid FROM pg_proc AS p
            WHERE p.pronamespace = 'pg_catalog'::regnamespace
              AND p.proname ~ '^(pg_(try_)?advisory_|lo_|loread$|lowrite$)' LOOP
        EXECUTE format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', target);
    END LOOP;
    -- The owner's functions make partitions and hold users' rows; the reconciler takes turns.
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_advisory_lock(bigint),
        pg_catalog.pg_advisory_xact_lock(bigint), pg_catalog.pg_advisory_xact_lock(integer, integer),
        pg_catalog.pg_advisory_xact_lock_shared(bigint), pg_catalog.pg_try_advisory_lock(bigint),
        pg_catalog.pg_advisory_unlock(bigint) TO datapunk_owner;
    GRANT EXECUTE ON FUNCTION pg_catalog.pg_try_advisory_lock(bigint),
        pg_catalog.pg_advisory_unlock(bigint) TO datapunk_ledger;
END
$$;
