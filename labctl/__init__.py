"""labctl brings up a real Apache Kafka lab, proves that it works, and takes it away again."""

__version__ = "0.1.0"
