"""From evidence to promote or reject, under a policy."""
