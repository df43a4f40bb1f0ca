"""Run stages: leases, children, folders, dispatch, steps."""
