"""Great Expectations suites for prediction logs and evaluation sets."""
