"""What a variant answers, and how good its answers are."""
