"""Every decision about a lab, made once."""
