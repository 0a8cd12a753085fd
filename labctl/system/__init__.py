"""This machine: files, processes, ports, signals, waiting."""
