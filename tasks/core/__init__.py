"""What every stage stands on: records, errors, verdicts, files, the store, worker processes."""
