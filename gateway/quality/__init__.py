"""Are the cheap answers good enough? Asked of each answer, of a sample, and of who got it."""
