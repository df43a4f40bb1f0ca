ALTER TABLE imports.jobs DROP COLUMN alerted_at;
REVOKE INSERT (user_id, job_id, chunk_id, kind, detail) ON imports.events
    FROM datapunk_ledger, datapunk_ingest;
GRANT INSERT ON imports.events TO datapunk_ledger, datapunk_ingest;
ALTER TABLE imports.events ALTER COLUMN actor SET DEFAULT current_user;
