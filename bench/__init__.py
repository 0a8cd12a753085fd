"""Timings of labctl and of its peers, in turn in one run."""
