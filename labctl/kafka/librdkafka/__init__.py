"""Many records, written and read by librdkafka. The only home of confluent-kafka.

kafka-python refuses a header without a value, and a record without key and value, and needs more time for each record.
`settings` are librdkafka's: see `librdkafka_settings` in labctl/kafka/client_settings.py.
"""
