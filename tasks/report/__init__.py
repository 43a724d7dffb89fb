"""The report of a launch: one HTML page that needs nothing else, its plots as files, and the table on the terminal."""
