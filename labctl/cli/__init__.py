"""The command `labctl`: the only place that prints errors and exits. main.py has the table of commands."""
