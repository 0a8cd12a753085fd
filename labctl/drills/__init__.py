"""Faults in a running cluster, made on purpose, and what becomes of the records meanwhile."""
