"""Programs for the development of labctl."""
