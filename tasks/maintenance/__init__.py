"""Keep the ledger and the folders in order."""
