-- depends: 0030.transient
-- The queues of documents name the record, so that each index of `documents` that has the record's
-- key leads to one row. Without it, a plan from old statistics reads a month's index for each
-- document.
ALTER TABLE user_data.unindexed ADD COLUMN record_key uuid;
ALTER TABLE analytics.uncompared ADD COLUMN record_key uuid;
ALTER TABLE user_data.unindexed NO FORCE ROW LEVEL SECURITY;
ALTER TABLE analytics.uncompared NO FORCE ROW LEVEL SECURITY;
ALTER TABLE user_data.documents NO FORCE ROW LEVEL SECURITY;
UPDATE user_data.unindexed AS u SET record_key = d.record_key FROM user_data.documents AS d
WHERE d.id = u.document_id AND d.data_type = u.data_type AND d.partition_at = u.partition_at;
UPDATE analytics.uncompared AS u SET record_key = d.record_key FROM user_data.documents AS d
WHERE d.id = u.document_id AND d.data_type = u.data_type AND d.partition_at = u.partition_at;
-- Those of documents that are gone.
DELETE FROM user_data.unindexed WHERE record_key IS NULL;
DELETE FROM analytics.uncompared WHERE record_key IS NULL;
ALTER TABLE user_data.unindexed FORCE ROW LEVEL SECURITY;
ALTER TABLE analytics.uncompared FORCE ROW LEVEL SECURITY;
ALTER TABLE user_data.documents FORCE ROW LEVEL SECURITY;
ALTER TABLE user_data.unindexed ALTER COLUMN record_key SET NOT NULL;
ALTER TABLE analytics.uncompared ALTER COLUMN record_key SET NOT NULL;
