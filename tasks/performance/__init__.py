"""How fast, under how much load, and in how much memory a variant answers."""
