"""The flow that takes a candidate to a recorded decision."""
