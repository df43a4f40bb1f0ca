-- depends: 0012.denser_graph
-- The zone in which a job reads clocks that name none: an IANA name; NULL: they are taken as UTC.
ALTER TABLE imports.jobs ADD COLUMN zone text;
