DROP FUNCTION user_data.renew_documents, timeseries.renew, user_data.forget_meaning,
    imports.forget_unsaid;
REVOKE DELETE ON imports.drift FROM datapunk_ingest;
