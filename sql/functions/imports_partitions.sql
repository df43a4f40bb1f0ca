-- Functions of the ledger: row-level security, and partitions with their statistics.
-- Applied again after migrations whenever this file changes. A function whose arguments or result
-- change is dropped by a migration first.

-- Secure a table with a user_id by row-level security: forced, and by user for the roles that read
-- content. Partitions use this function too, so that they cannot differ from their parents.
CREATE OR REPLACE FUNCTION imports.isolate(target regclass) RETURNS void
    LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', target);
    EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', target);
    EXECUTE format(
        'CREATE POLICY own_rows ON %s TO datapunk_ingest, datapunk_reader '
        'USING (user_id = (SELECT imports.current_user_id())) '
        'WITH CHECK (user_id = (SELECT imports.current_user_id()))', target);
END
$$;

-- Make one partition with forced row-level security, under the caller's lock. It is built as a
-- table and then attached, since ATTACH lets inserts into the parent continue and CREATE …
-- PARTITION OF does not.
CREATE OR REPLACE FUNCTION imports.attach_partition(parent regclass, child_schema text, child text, bounds text)
    RETURNS void LANGUAGE plpgsql
    AS $$
BEGIN
    EXECUTE format('CREATE TABLE %I.%I (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)',
        child_schema, child, parent);
    PERFORM imports.isolate(format('%I.%I', child_schema, child)::regclass);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %I.%I FOR VALUES %s',
        parent, child_schema, child, bounds);
END
$$;

-- Make missing month partitions. A NULL in `months` is ignored. Bounds are in UTC.
CREATE OR REPLACE FUNCTION imports.ensure_months(parent regclass, child_schema text, prefix text, months date[])
    RETURNS integer LANGUAGE plpgsql
    AS $$
DECLARE
    month date;
    child text;
    made integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('datapunk.partitions'), parent::oid::integer);
    FOREACH month IN ARRAY months LOOP
        CONTINUE WHEN month < date '1900-01-01' OR month >= date '2101-01-01';
        month := date_trunc('month', month::timestamp)::date;
        child := prefix || to_char(month, '"_y"YYYY"m"MM');
        CONTINUE WHEN to_regclass(format('%I.%I', child_schema, child)) IS NOT NULL;
        PERFORM imports.attach_partition(parent, child_schema, child, format(
            'FROM (%L) TO (%L)', month::text || ' 00:00:00+00',
            (month + interval '1 month')::date::text || ' 00:00:00+00'));
        made := made + 1;
    END LOOP;
    RETURN made;
END
$$;

-- Update the statistics of months that have grown by half since the last time; ANALYZE needs the owner. A small
-- sample, so that a month costs the same however much it holds: autovacuum takes a large one later.
CREATE OR REPLACE FUNCTION imports.analyze_grown()
    RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
    SET default_statistics_target = 10
    AS $$
DECLARE
    target regclass;
BEGIN
    FOR target IN SELECT c.oid FROM pg_class AS c
            CROSS JOIN (VALUES ('user_data.documents'::regclass), ('timeseries.locations'),
                ('timeseries.metrics')) AS top (root)
            CROSS JOIN LATERAL pg_partition_tree(top.root) AS t
            WHERE t.isleaf AND c.oid = t.relid
              AND pg_relation_size(c.oid) > (1.5 * c.relpages + 8) * current_setting('block_size')::int
            ORDER BY c.oid LOOP
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', target);
    END LOOP;
END
$$;

REVOKE EXECUTE ON FUNCTION
    imports.analyze_grown(),
    imports.attach_partition(regclass,text,text,text),
    imports.ensure_months(regclass,text,text,date[]),
    imports.isolate(regclass)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION imports.analyze_grown() TO datapunk_ingest;
