-- Nothing queues the day before.

DROP TRIGGER days_changed_again ON user_data.search;
