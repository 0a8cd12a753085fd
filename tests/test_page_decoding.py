"""Values with the id of a schema, and the search for records, as the page does them."""

import io
import itertools
import json
from typing import Any, cast

import fastavro
import pytest

from labctl.errors import ServiceFailed
from labctl.kafka.client import Record
from labctl.webui.page import decoding, search
from labctl.webui.page.decoding import Decoder
from labctl.webui.page.view_models import shown_record
from tests.fakes import a_plan

REGISTRY = a_plan("services: {schema_registry: true}\n").service("schema_registry")
ORDER = {"type": "record", "name": "Order", "fields": [{"name": "orderid", "type": "long"}]}
SCHEMAS = {
    1: {"schema": json.dumps(ORDER)},
    2: {"schemaType": "JSON", "schema": "{}"},
    3: {"schemaType": "PROTOBUF", "schema": "message Order {}"},
    4: {"schema": json.dumps(ORDER), "references": [{"name": "Customer"}]},
    5: {"schema": '{"type": "no such type"}'},
}


@pytest.fixture
def requests(monkeypatch):
    """What the registry was asked for; it has SCHEMAS."""
    asked = []

    def request(_service, path, *, seconds):
        asked.append(path)
        number = int(path.rpartition("/")[2])
        if number not in SCHEMAS:
            raise ServiceFailed("no such schema", status=404)
        return SCHEMAS[number]

    monkeypatch.setattr(decoding, "request", request)
    return asked


def wire(number, content):
    """A value in the wire format of Confluent's registry."""
    return b"\x00" + number.to_bytes(4, "big") + content


def avro(value):
    """A value in Avro, without a header."""
    buffer = io.BytesIO()
    fastavro.schemaless_writer(buffer, fastavro.parse_schema(ORDER), value)
    return buffer.getvalue()


def test_avro_and_json_schema_are_decoded(requests):
    """Each schema is asked for once: that of an id never changes."""
    decoder = Decoder(REGISTRY)
    for _ in range(2):
        decoded = decoder.decode(wire(1, avro({"orderid": 1001})))
        assert (json.loads(decoded.json), decoded.schema) == ({"orderid": 1001}, 1)
    assert json.loads(decoder.decode(wire(2, b'{"orderid": 1}')).json) == {"orderid": 1}
    assert requests == ["/schemas/ids/1", "/schemas/ids/2"]
    record = shown_record(Record(0, 0, None, wire(1, avro({"orderid": 7}))), decoder.decode)
    assert (record.value.kind, record.value.text, record.value.schema) == ("json", '{\n  "orderid": 7\n}', 1)


@pytest.mark.parametrize(
    "value",
    [
        *(b"", b"\x00", b"text", b"\x01\x00\x00\x00\x01x"),
        *(wire(3, b"x"), wire(4, avro({"orderid": 1})), wire(5, b"x"), wire(9, b"x")),
        *(wire(1, b""), wire(2, b"no json")),
    ],
)
def test_what_can_t_be_decoded_is_shown_as_it_is(requests, value):
    """It is no value with a schema, its schema is not known or not supported, or its bytes do not fit."""
    assert Decoder(REGISTRY).decode(value) is None


def test_a_schema_that_is_not_there_is_not_asked_for_each_time(requests):
    """A page shows up to 200 records."""
    decoder = Decoder(REGISTRY)
    for _ in range(200):
        assert decoder.decode(wire(9, b"x")) is None
    assert len(requests) == 1
    assert Decoder(None).decode(wire(1, b"x")) is None


class Partitions:
    """A client whose partitions have so many records each."""

    def __init__(self, counts):
        self.counts = counts
        self.steps = []

    def browse(self, _topic, ranges, *, offset, limit, view):
        assert offset == 0
        self.steps.append(dict(ranges))
        records = [
            Record(number, each, None, b"", each)
            for number, (first, end) in ranges.items()
            for each in range(first, end)
        ]
        viewed = [view(record) for record in sorted(records, key=lambda record: (record.timestamp, record.partition))]
        assert len(viewed) <= limit
        return viewed, True


@pytest.mark.parametrize("newest", [True, False])
def test_a_search_goes_through_all_records_in_steps(newest):
    """From the newest back, or from the beginning on, until enough are found."""
    client = Partitions({0: 5000, 1: 10})
    ranges = {number: (0, count) for number, count in client.counts.items()}

    def view(record):
        return (record.partition, record.offset) if record.offset % 1000 == 5 else None

    found = search.search(cast("Any", client), "t", ranges, newest=newest, count=50, view=view)
    assert sorted(found.records) == [(0, 5), (0, 1005), (0, 2005), (0, 3005), (0, 4005), (1, 5)]
    assert (found.examined, found.total, found.complete) == (5010, 5010, True)
    few = search.search(cast("Any", client), "t", ranges, newest=newest, count=1, view=view)
    assert few.records == [(0, 4005)] if newest else [(0, 5)]
    assert not few.complete
    assert search.search(cast("Any", client), "t", {0: (3, 3)}, newest=newest, count=1, view=view).complete


def test_a_search_ends_in_time(monkeypatch):
    """A topic may have millions of records."""
    clock = itertools.count(0, 0.001)
    monkeypatch.setattr("time.monotonic", lambda: next(clock))
    found = search.search(
        cast("Any", Partitions({})), "t", {0: (0, 100_000)}, newest=True, count=1, view=lambda _record: None
    )
    assert (found.records, found.complete) == ([], False)
    assert 0 < found.examined <= 4000


NODE = {"type": "record", "name": "Node", "fields": [{"name": "next", "type": ["null", "Node"]}]}


@pytest.mark.parametrize(
    ("schema", "bounded"),
    [
        (ORDER, True),
        ({"type": "array", "items": "long"}, True),
        (
            {
                "type": "record",
                "name": "A",
                "fields": [{"name": "one", "type": ORDER}, {"name": "two", "type": "Order"}],
            },
            True,
        ),
        (NODE, False),
        (["null", NODE], False),
        ({"type": "array", "items": "null"}, False),
        ({"type": "map", "values": {"type": "record", "name": "Empty", "fields": []}}, True),
        ({"type": "array", "items": {"type": "fixed", "name": "None", "size": 0}}, False),
        ({"type": "record", "name": "B", "fields": [{"name": "c", "type": {"type": "array", "items": "B"}}]}, False),
    ],
)
def test_a_schema_of_endless_values_is_not_decoded(schema, bounded):
    """A value of a few bytes would use up the stack or the memory of the page's process."""
    assert decoding.is_bounded(schema) is bounded


def test_bytes_after_a_value_are_no_value_with_a_schema(requests):
    """A number of eight bytes can begin like the id of a schema."""
    assert Decoder(REGISTRY).decode(wire(1, avro({"orderid": 1}) + b"x")) is None


def test_a_registry_that_does_not_respond_is_left_alone(monkeypatch):
    """Each request would take a second, and the page shows up to 200 records."""
    asked = []

    def request(_service, path, *, seconds):
        asked.append(path)
        raise ServiceFailed("the schema registry does not respond: timed out")

    monkeypatch.setattr(decoding, "request", request)
    decoder = Decoder(REGISTRY)
    assert [decoder.decode(wire(number, b"x")) for number in range(1, 100)] == [None] * 99
    assert len(asked) == 1
