DROP TRIGGER hours ON timeseries.metrics;
DROP TRIGGER hours ON timeseries.locations;
DROP FUNCTION timeseries.add_metrics(), timeseries.add_locations();
DROP FUNCTION IF EXISTS imports.analyze_grown();
