"""Reading Compose files as Docker Compose does: variables, merging -> Stack, with the place of each value."""
