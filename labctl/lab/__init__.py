"""The life of a lab: brought up, verified, stopped, reset, removed."""
