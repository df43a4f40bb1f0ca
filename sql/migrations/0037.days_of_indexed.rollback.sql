-- Nothing queues the day before.

DROP TRIGGER days_left ON user_data.search;
DROP FUNCTION analytics.document_days_left();
