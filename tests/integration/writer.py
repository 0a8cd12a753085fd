"""A program that writes numbers into a lab while something else happens to it, by librdkafka."""

import threading

from confluent_kafka import Consumer, Producer

TOPIC = "orders"


class Writer(threading.Thread):
    """Writes numbers until it ends; `acknowledged` has those that Kafka acknowledged."""

    def __init__(self, bootstrap):
        super().__init__(daemon=True)
        self._producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "linger.ms": 5})
        self._ending = threading.Event()
        self.acknowledged, self.errors = [], []

    def run(self):
        number = 0
        while not self._ending.wait(0.01):
            self._producer.produce(TOPIC, str(number), partition=0, on_delivery=self._delivered)
            self._producer.poll(0)
            number += 1
        self._producer.flush(60)

    def _delivered(self, error, message):
        (self.errors if error else self.acknowledged).append(error or int(message.value()))

    def end(self):
        self._ending.set()
        self.join(90)


def numbers(bootstrap):
    """Return all numbers in the topic, in their order."""
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "numbers", "auto.offset.reset": "earliest"})
    consumer.subscribe([TOPIC])
    found, empty = [], 0
    while empty < 3:
        messages = consumer.consume(1000, 3.0)
        empty = 0 if messages else empty + (1 if found else 0)
        values = [message.value() or b"" for message in messages if not message.error()]
        found += [int(value) for value in values if value.isdigit()]
    consumer.close()
    return found
