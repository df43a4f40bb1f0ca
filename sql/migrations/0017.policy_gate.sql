-- depends: 0014.bulk_vectors
-- The one gate by which content comes into the lake. What was read under a policy of personal data
-- comes in only as long as that policy is the present one (docs/decisions/0020-one-gate.md).

-- Which policy of personal data each host worked under, one row for each change. The latest row of
-- a user names the present policy. A policy is named by its fingerprint; it says nothing of keys.
CREATE TABLE imports.policies (
    id bigint GENERATED ALWAYS AS IDENTITY,
    user_id uuid NOT NULL,
    host text NOT NULL,
    policy text NOT NULL,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (user_id, id)
);
DO $$ BEGIN PERFORM imports.isolate('imports.policies'); END $$;
GRANT SELECT, INSERT ON imports.policies TO datapunk_ingest;
GRANT SELECT ON imports.policies TO datapunk_reader;

-- `turn` changes whenever a run over the stored rows begins or ends, and whenever something comes
-- behind one that is not at its end: it then has to look again.
ALTER TABLE imports.privacy ADD COLUMN turn bigint NOT NULL DEFAULT 0;

-- A run over the stored rows that is not at its end looks at all of them once more.
CREATE FUNCTION imports.look_again(owner uuid) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
UPDATE imports.privacy SET turn = turn + 1, after_document = 0, after_version = 0
WHERE user_id = owner AND finished_at IS NULL
$$;

-- Says that a host works under a policy. It becomes the present one if nobody had it before, or if
-- this host had another one before, or where a person asks for it. False: it is an older policy,
-- which this host has not changed since another host changed to a newer one.
CREATE FUNCTION imports.announce_policy(owner uuid, said text, at_host text, by_hand boolean)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    present text;
    mine text;
BEGIN
    -- Once without the lock, which waits for commits: mostly nothing is new.
    FOR attempt IN 1..2 LOOP
        SELECT p.policy INTO present FROM imports.policies AS p
            WHERE p.user_id = owner ORDER BY p.id DESC LIMIT 1;
        SELECT p.policy INTO mine FROM imports.policies AS p
            WHERE p.user_id = owner AND p.host = at_host ORDER BY p.id DESC LIMIT 1;
        IF present = said AND mine = said THEN
            RETURN true;
        END IF;
        IF attempt = 1 THEN
            PERFORM imports.hold_lake(owner, true);
        END IF;
    END LOOP;
    IF NOT by_hand AND present <> said AND (mine IS NULL OR mine = said)
        AND EXISTS (SELECT FROM imports.policies AS p
            WHERE p.user_id = owner AND p.policy = said) THEN
        RETURN false;
    END IF;
    INSERT INTO imports.policies (user_id, host, policy) VALUES (owner, at_host, said);
    IF present IS DISTINCT FROM said THEN
        -- What came in under another policy may stand where a run that was cut short has been.
        PERFORM imports.look_again(owner);
    END IF;
    RETURN true;
END
$$;

-- The way in for what was read under a policy. The transaction holds the lake from here on, so the
-- present policy can't change before it ends. False: the present policy is another one. `moves`
-- says that the transaction may bring older versions back.
CREATE FUNCTION imports.enter(owner uuid, alone boolean, moves boolean, read_under text)
    RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
DECLARE
    present text;
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    PERFORM imports.hold_lake(owner, alone);
    -- A statement of its own, which sees what was committed while the one before waited.
    SELECT p.policy INTO present FROM imports.policies AS p
        WHERE p.user_id = owner ORDER BY p.id DESC LIMIT 1;
    IF read_under IS DISTINCT FROM present THEN
        RETURN false;
    END IF;
    IF moves THEN
        PERFORM imports.look_again(owner);
    END IF;
    PERFORM set_config('app.gate', owner::text, true);
    RETURN true;
END
$$;

-- What indexes texts holds this lock shared; what replaces texts holds it alone.
CREATE FUNCTION imports.hold_texts(owner uuid, alone boolean) RETURNS void
    LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
SELECT CASE WHEN alone THEN pg_advisory_xact_lock(hashtextextended('datapunk.texts' || owner, 0))
    ELSE pg_advisory_xact_lock_shared(hashtextextended('datapunk.texts' || owner, 0)) END
$$;

-- The way in for what is made of stored rows alone, or written by a person. `purpose` is
--   index     words of documents that are read in the same transaction;
--   vectors   vectors of documents, each compared with what was read. With `since`, the turn that
--             was seen before: false if a run over the stored rows began, or ended, since then;
--   move      rows that are taken back, and versions that stand again. It holds the lake alone;
--   hand      what a person writes in the place of a record, which is kept as it was written.
CREATE FUNCTION imports.enter_stored(owner uuid, purpose text, since bigint) RETURNS boolean
    LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp
    AS $$
BEGIN
    PERFORM set_config('app.user_id', owner::text, true);
    CASE purpose
        WHEN 'index' THEN PERFORM imports.hold_texts(owner, false);
        WHEN 'vectors', 'hand' THEN PERFORM imports.hold_lake(owner, false);
        WHEN 'move' THEN
            PERFORM imports.hold_lake(owner, true);
            PERFORM imports.look_again(owner);
    END CASE;
    IF since IS NOT NULL AND since IS DISTINCT FROM (SELECT coalesce(min(p.turn), 0)
            FROM imports.privacy AS p WHERE p.user_id = owner)
    THEN
        RETURN false;
    END IF;
    PERFORM set_config('app.gate', owner::text, true);
    RETURN true;
END
$$;

CREATE FUNCTION imports.refuse_content() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '%.% takes content only through imports.enter', TG_TABLE_SCHEMA, TG_TABLE_NAME
        USING ERRCODE = 'insufficient_privilege';
END
$$;

-- No statement writes content in a transaction of a user that did not pass the gate. A trigger for
-- each statement costs one comparison. Who acts for no user (a migration) sees no rows of theirs.
DO $$
DECLARE
    gated CONSTANT jsonb := '{
        "user_data.documents": "title, content, metadata",
        "user_data.versions": "title, content, metadata",
        "user_data.entities": "value, name",
        "user_data.mentions": "role",
        "user_data.search": "words, domain",
        "user_data.search_words": "word",
        "timeseries.locations": "metadata",
        "timeseries.metrics": "name, unit, metadata",
        "vectors.embeddings": "embedding",
        "vectors.cache": "text_hash, embedding",
        "imports.files": "path, context",
        "imports.drift": "field",
        "imports.quarantine": ""
    }';
    shut CONSTANT text := 'FOR EACH STATEMENT WHEN (current_setting(''app.gate'', true) '
        'IS DISTINCT FROM current_setting(''app.user_id'', true)) '
        'EXECUTE FUNCTION imports.refuse_content()';
    target text;
    columns text;
BEGIN
    FOR target, columns IN SELECT * FROM jsonb_each_text(gated) LOOP
        EXECUTE format('CREATE TRIGGER gate BEFORE INSERT ON %s %s', target, shut);
        IF columns <> '' THEN
            EXECUTE format('CREATE TRIGGER gate_again BEFORE UPDATE OF %s ON %s %s',
                columns, target, shut);
        END IF;
    END LOOP;
END
$$;
-- Bytes of a quarantined record may be taken away by anyone who may change it.
CREATE TRIGGER gate_again BEFORE UPDATE OF raw, mended ON imports.quarantine FOR EACH ROW
    WHEN (((new.raw <> old.raw AND new.raw <> '')
            OR (new.mended IS NOT NULL AND new.mended IS DISTINCT FROM old.mended))
        AND current_setting('app.gate', true) IS DISTINCT FROM current_setting('app.user_id', true))
    EXECUTE FUNCTION imports.refuse_content();

REVOKE EXECUTE ON FUNCTION imports.announce_policy, imports.look_again, imports.enter,
    imports.enter_stored, imports.hold_texts FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.announce_policy, imports.look_again, imports.enter,
    imports.enter_stored, imports.hold_texts TO datapunk_ingest;
