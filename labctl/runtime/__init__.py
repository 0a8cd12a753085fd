"""What runs the nodes of a lab.

The seam is in base.py, the table in labctl/runtime_traits.py, a folder for each runtime.
"""
