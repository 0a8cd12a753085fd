"""The lab page: a small web server of labctl's own, on this machine only, to look at the lab's Kafka."""
