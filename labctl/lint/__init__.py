"""Examining set-ups that somebody else wrote: docker-compose.yml -> findings. Starts nothing, needs no engine."""
