-- The four roles of the lake. None is a superuser, none bypasses row-level security.
-- Run by the administrator of the server before the migrations; safe to run again.
DO $$
DECLARE
    role text;
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
    END LOOP;
END
$$;
