"""The verbs of `datapunk`, one file for each group; `workers.cli.lazy` lists them."""
