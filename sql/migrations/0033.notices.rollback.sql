DROP TABLE imports.notices;
DROP TABLE imports.receivers;
DROP TRIGGER receipt_due ON imports.sets;
DROP TRIGGER receipt_due ON imports.quarantine;
DROP TRIGGER receipt_due ON imports.jobs;
DROP FUNCTION imports.set_changed(), imports.quarantine_changed(), imports.job_changed();
DROP TABLE imports.receipts_due;
