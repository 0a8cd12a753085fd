"""Templates: the environment that fills them, and its cache."""
