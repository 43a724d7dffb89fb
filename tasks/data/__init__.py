"""The data sets of a launch: sampled, described, compared."""
