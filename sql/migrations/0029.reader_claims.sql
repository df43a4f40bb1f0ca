-- A reader sees which imports had a record, so that two imports can be compared.
-- depends: 0028.hours

GRANT SELECT ON imports.claims TO datapunk_reader;
