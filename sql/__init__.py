"""Every line of SQL, and everything that knows psycopg. Imports `schemas` and nothing above it."""
