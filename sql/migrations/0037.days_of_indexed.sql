-- depends: 0036.counted_as
-- Queue the day that a document had before it is indexed again. The statement that indexes joined
-- the index for it, which read the entries that the statement itself had just made: a minute for the
-- first documents of an empty lake. The function's body follows in functions/analytics.sql, which is
-- applied next.
CREATE FUNCTION analytics.document_days_left() RETURNS trigger
    LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER days_left AFTER UPDATE ON user_data.search
    REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.document_days_left();
