"""The swarm runtime: nodes of Kafka as services of a Docker Swarm."""
