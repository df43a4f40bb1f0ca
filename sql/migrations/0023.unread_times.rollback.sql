DROP FUNCTION timeseries.forget_unread_times;
