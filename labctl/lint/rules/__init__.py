"""The rules, by subject; table.py has their order."""
