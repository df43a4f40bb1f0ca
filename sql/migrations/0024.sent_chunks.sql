-- depends: 0023.unread_times
-- How many chunks of a job are sent is asked at each commit: not by going over all that it ever had.
CREATE INDEX chunks_sent ON imports.chunks (job_id, user_id)
    WHERE status IN ('ready', 'leased') AND enqueued_at IS NOT NULL;
