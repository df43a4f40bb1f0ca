-- The queues of documents name no record.

ALTER TABLE user_data.unindexed DROP COLUMN record_key;
ALTER TABLE analytics.uncompared DROP COLUMN record_key;
