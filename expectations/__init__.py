"""What a launch is held to: policies with every number, and Great Expectations suites."""
