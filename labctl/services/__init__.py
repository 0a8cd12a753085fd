"""The programs that run beside Kafka: a schema registry, Kafka Connect."""
