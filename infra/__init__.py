"""The outside world, one adapter a file, and the files that deploy launchgate."""
