"""The schemas of the orders that `labctl traffic` makes up."""

import io
import itertools
import json

import fastavro
import jsonschema
import pytest

from labctl.errors import LabStopped
from labctl.lab.orders_with_schema import orders_with_schema
from labctl.records.order_schemas import AVRO_ORDER, JSON_ORDER
from labctl.records.orders import orders
from tests.fakes import a_plan


def test_orders_fit_their_schemas():
    """Each key of an order is in both schemas: nothing is lost on the way."""
    avro = fastavro.parse_schema(AVRO_ORDER)
    for record in itertools.islice(orders(1), 50):
        order = json.loads(record.value or b"")
        buffer = io.BytesIO()
        fastavro.schemaless_writer(buffer, avro, order)
        buffer.seek(0)
        assert fastavro.schemaless_reader(buffer, avro, None) == order
        jsonschema.validate(order, JSON_ORDER)
        assert order.keys() == JSON_ORDER["properties"].keys()


def test_a_lab_without_a_registry_has_no_schemas():
    """The remedy is the key of lab.yaml."""
    with pytest.raises(LabStopped, match="the lab homework has no schema registry"):
        orders_with_schema(a_plan(), "orders", "avro")
