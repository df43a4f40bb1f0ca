-- depends: 0035.queue_keys
-- Queue the day that a document had before it is indexed again. The statement that indexes joined
-- the index for it, which read the entries that the statement itself had just made: a minute for the
-- first documents of an empty lake.
CREATE TRIGGER days_changed_again AFTER UPDATE ON user_data.search REFERENCING OLD TABLE AS changed
    FOR EACH STATEMENT EXECUTE FUNCTION analytics.document_days_changed();
