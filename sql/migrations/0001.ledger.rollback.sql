DROP SCHEMA archive, analytics, timeseries, vectors, imports, user_data CASCADE;
