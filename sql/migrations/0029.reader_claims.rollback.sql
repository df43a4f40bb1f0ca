-- A reader does not see which imports had a record.

REVOKE SELECT ON imports.claims FROM datapunk_reader;
