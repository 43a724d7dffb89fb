"""What a variant costs at the forecast traffic."""
