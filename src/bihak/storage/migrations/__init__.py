"""The database's history, one step a file; `bihak.storage.migrate` runs them."""
