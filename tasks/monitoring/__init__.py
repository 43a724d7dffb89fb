"""What follows a launch: the forecast held to production, and the champion to a changed environment."""
