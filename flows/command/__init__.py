"""The commands that are no flow: probe, selftest, ui, init, and what the terminal shows."""
