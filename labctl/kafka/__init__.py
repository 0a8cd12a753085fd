"""Kafka: settings, credentials, console tools and clients."""
