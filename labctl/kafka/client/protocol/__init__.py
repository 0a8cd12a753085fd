"""Requests of Kafka that kafka-python does not have. It reads their fields from the JSON files of this package."""

from kafka.protocol.api_message import ApiMessage


class UnregisterBrokerRequest(ApiMessage, load_json=__name__):  # type: ignore[misc, call-arg]
    """Make the controller forget a broker."""


class UnregisterBrokerResponse(ApiMessage, load_json=__name__):  # type: ignore[misc, call-arg]
    """Whether it did."""
