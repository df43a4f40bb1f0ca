-- depends: 0003.desk
-- The audit trail: who did what, and nothing that a role could write in another's name.

-- Who is named by the application, per session; else who logged in. The roles give neither name
-- nor time of an event themselves.
ALTER TABLE imports.events
    ALTER COLUMN actor SET DEFAULT coalesce(nullif(current_setting('app.actor', true), ''),
        session_user);
REVOKE INSERT ON imports.events FROM datapunk_ledger, datapunk_ingest;
GRANT INSERT (user_id, job_id, chunk_id, kind, detail) ON imports.events
    TO datapunk_ledger, datapunk_ingest;

-- When so many of a job's records were in quarantine that somebody should look; once for a job.
ALTER TABLE imports.jobs ADD COLUMN alerted_at timestamptz;
