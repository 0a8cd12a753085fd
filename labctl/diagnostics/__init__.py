"""What went wrong: known faults, the failure bundle, redaction of secrets, the doctor's probes."""
