"""lab.yaml: its keys, its rules, how it is read."""
