"""Where a launch runs: Python, packages, hardware, the lock."""
