"""The local Kafka: which jars (locks), where they come from, on which Java, and the caches that make it start fast."""
