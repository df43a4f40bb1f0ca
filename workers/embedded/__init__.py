"""Run Postgres, Valkey and the workers on this machine without an installation."""
