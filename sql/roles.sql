-- The four roles of the lake. None is a superuser, none bypasses row-level security, and none can
-- take all connections. Run by the administrator of the server before the migrations; safe to run again.
DO $$
DECLARE
    role text;
    most integer;
    held integer := current_setting('max_connections')::integer;
    may text := CASE WHEN current_setting('server_version_num')::integer >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH role IN ARRAY ARRAY['datapunk_owner', 'datapunk_ingest', 'datapunk_reader', 'datapunk_ledger'] LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE', role);
            END IF;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;  -- another database of this server is being set up at this moment
        END;
        -- With one connection URL, a session becomes a role by membership. From 16 on, who made a
        -- role is a member of it without leave to become it.
        IF NOT pg_has_role(current_user, role, may) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);
        END IF;
        -- A limit that the administrator chose stays.
        most := greatest(4, held / CASE WHEN role LIKE '%\_reader' THEN 4
            WHEN role LIKE '%\_owner' THEN 16 ELSE 2 END);
        IF (SELECT rolconnlimit FROM pg_roles WHERE rolname = role) = -1 THEN
            BEGIN
                EXECUTE format('ALTER ROLE %I CONNECTION LIMIT %s', role, most);
            EXCEPTION WHEN insufficient_privilege THEN
                RAISE NOTICE '% has no limit of connections: who made the role can set it', role;
            END;
        END IF;
    END LOOP;
END
$$;
