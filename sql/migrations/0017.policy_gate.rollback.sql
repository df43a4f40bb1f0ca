DO $$
DECLARE
    held record;
BEGIN
    FOR held IN SELECT tgname AS name, tgrelid::regclass AS target FROM pg_trigger
        WHERE tgfoid = 'imports.refuse_content'::regproc AND tgparentid = 0 LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', held.name, held.target);
    END LOOP;
END
$$;
DROP FUNCTION imports.refuse_content, imports.enter_stored, imports.enter, imports.hold_texts,
    imports.look_again, imports.announce_policy;
ALTER TABLE imports.privacy DROP COLUMN turn;
DROP TABLE imports.policies;
