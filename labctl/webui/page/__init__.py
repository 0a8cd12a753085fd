"""The lab page: labctl's own small web server, on this machine only, that shows the lab's Kafka."""
