"""Files of records: JSON Lines, CSV, text."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labctl.errors import SpecError
from labctl.records.file import MOST_REPORTED, count_records, open_record_file, read_records
from labctl.records.formats import RECORD_FORMATS, format_of
from labctl.records.json_lines import format_record, parse_record
from labctl.records.position import parse_position
from labctl.records.record import RecordData, RecordProblem
from labctl.records.topic_rules import TopicRules

NUMBERS = st.integers(0, 2**31 - 1)
HEADERS = st.lists(st.tuples(st.text(st.characters(codec="utf-8")), st.none() | st.binary()), max_size=3).map(tuple)
CONTENT = st.none() | st.binary() | st.text(st.characters(codec="utf-8")).map(str.encode)


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
    max_leaves=10,
).map(compact)


@given(
    CONTENT | JSON_VALUES, CONTENT | JSON_VALUES, HEADERS, st.none() | st.integers(1, 2**63 - 1), st.none() | NUMBERS
)
def test_a_record_is_the_same_after_it_was_written_and_read(value, key, headers, timestamp, partition):
    """Any bytes, null and JSON, any headers: the line gives the same record, and is one line of JSON."""
    record = RecordData(value, key, headers, timestamp, partition)
    line = format_record(record)
    assert "\n" not in line
    assert isinstance(json.loads(line), dict)
    assert parse_record(line.encode()) == record


@pytest.mark.parametrize(
    ("value", "member"),
    [
        (b'{"orderid":1001,"amount":599.99}', '"value":{"orderid":1001,"amount":599.99}'),
        (b"[1,2]", '"value":[1,2]'),
        (b'{"amount": 1}', r'"value":"{\"amount\": 1}"'),  # the space would be lost
        (b'{"amount":1.10}', r'"value":"{\"amount\":1.10}"'),  # so would the 0
        (b'{"a":1,"a":2}', r'"value":"{\"a\":1,\"a\":2}"'),  # and the first a
        (b'{"a":NaN}', r'"value":"{\"a\":NaN}"'),  # which is no JSON
        (b"42", '"value":"42"'),
        (b"null", '"value":"null"'),
        (b"", '"value":""'),
        (None, '"value":null'),
        (b"\xff\x00", '"value_base64":"/wA="'),
        ("грн".encode(), '"value":"грн"'),
        (b"[" * 900 + b"]" * 900, f'"value":"{"[" * 900}{"]" * 900}"'),  # deeper than a reader may accept
    ],
)
def test_json_is_in_the_line_as_it_is_where_that_keeps_each_byte(value, member):
    """A value that is compact JSON is part of the line, for jq; another one is text, or base64."""
    line = format_record(RecordData(value, b"k"))
    assert line == f'{{"key":"k",{member}}}'
    assert parse_record(line.encode()) == RecordData(value, b"k")


def test_headers_may_be_typed_as_an_object():
    """{name: value} is enough where each name is there once; binary and repeated ones are a list."""
    line = b'{"value": "v", "headers": {"trace": "abc", "none": null}}'
    assert parse_record(line).headers == (("trace", b"abc"), ("none", None))
    line = b'{"value": "v", "headers": [{"key": "a", "value": "1"}, {"key": "a", "value_base64": "/w=="}]}'
    assert parse_record(line).headers == (("a", b"1"), ("a", b"\xff"))


@pytest.mark.parametrize(
    ("line", "what"),
    [
        (b"hello", "is no JSON: Expecting value at column 1"),
        (b'"hello"', "should be an object like"),
        (b"[" * 100_000, "is nested too deeply"),
        (b"\xff", "is not UTF-8"),
        (b'{"key": "a"}', "value: this key is required"),
        (b'{"value": 1, "valeu": 2}', "valeu: unknown key"),
        (b'{"value": 1, "value_base64": ""}', "value: value_base64 is there too"),
        (b'{"value_base64": "?"}', "value_base64: should be text in base64"),
        (b'{"value_base64": 7}', "value_base64: should be text in base64"),
        (b'{"value": NaN}', "is no JSON"),
        (b'{"value": ' + b"9" * 5000 + b"}", "has a number with too many digits"),
        (b'{"value": [1e999]}', "value: can't be written as JSON"),
        (b'{"value": "\\ud800"}', "value: has half of a surrogate pair"),
        (b'{"value": 1, "timestamp": "now"}', "timestamp: should be a whole number"),
        (b'{"value": 1, "timestamp": 0}', "timestamp: should be a whole number from 1"),
        (b'{"value": 1, "timestamp": true}', "timestamp: should be a whole number"),
        (b'{"value": 1, "partition": -1}', "partition: should be a whole number"),
        (b'{"value": 1, "headers": 1}', "headers: should be an object, or a list"),
        (b'{"value": 1, "headers": [1]}', "headers[0]: should be like"),
        (b'{"value": 1, "headers": [{"key": "a", "vale": 1}]}', "headers[0]: vale: unknown key"),
        (b'{"value": 1, "headers": {"\\ud800": "a"}}', "headers[0]: key: has half of a surrogate pair"),
    ],
)
def test_what_is_wrong_in_a_line_is_said(line, what):
    """Each error names the key, and what is wrong with it."""
    with pytest.raises(RecordProblem) as error:
        parse_record(line)
    assert what in str(error.value)


# -- CSV and text --------------------------------------------------------------


def rows(text, form="csv"):
    return list(RECORD_FORMATS[form](text.encode().splitlines(keepends=True)))


def test_the_columns_of_csv_are_the_value():
    """Without a column `value` the others are an object of JSON; key, timestamp and partition are the record's."""
    text = 'key,orderid,note\r\nc1,1001,first\r\n,1002,"two, with\nlines"\r\n'
    assert rows(text) == [
        (2, RecordData(b'{"orderid":"1001","note":"first"}', b"c1")),
        (4, RecordData(b'{"orderid":"1002","note":"two, with\\nlines"}')),
    ]
    assert rows("timestamp,value,partition\n1700,a b,2\n") == [(2, RecordData(b"a b", None, (), 1700, 2))]
    assert rows("value\n\nx\n") == [(3, RecordData(b"x"))]


@pytest.mark.parametrize(
    ("text", "line", "what"),
    [
        ("a,b\n1\n", 2, "has 1 column, and the first line names 2"),
        ("a,a\n1,2\n", 1, "two columns have the name a"),
        ("key,partition\nk,1\n", 1, "there is no column for the value"),
        ("value,amount\n1,2\n", 1, "beside the column value there is amount"),
        ("value,partition\n1,one\n", 2, "partition: should be a whole number"),
        ("key;orderid\nk;1\n", 1, "the columns are separated by ';'"),
        ("value,partition\n1,99999999999999999999\n", 2, "partition: should be a whole number"),
        ('value\n"open', 2, "unexpected end of data"),
    ],
)
def test_what_is_wrong_in_csv_is_said_with_its_line(text, line, what):
    """The line is where the row ends."""
    [(number, error)] = rows(text)
    assert number == line
    assert what in str(error)


def test_csv_that_is_not_utf8_is_refused():
    """CSV in another encoding would give other characters."""
    [(number, error)] = RECORD_FORMATS["csv"]([b"value\n", b"\xff\n"])
    assert number == 2
    assert "utf-8" in str(error)


def test_each_line_of_text_is_a_record():
    """As with Kafka's console producer; an empty line too."""
    assert rows("a\r\n\nb", "text") == [(1, RecordData(b"a")), (2, RecordData(b"")), (3, RecordData(b"b"))]


def test_the_name_of_a_file_says_its_format():
    """Of jsonl, ndjson and csv; everything else is text."""
    assert [format_of(name) for name in ("a.JSONL", "a.ndjson", "b.csv", "c.txt", "-")] == [
        "jsonl",
        "jsonl",
        "csv",
        "text",
        "text",
    ]


# -- files ---------------------------------------------------------------------


def test_all_that_is_wrong_in_a_file_is_reported_together(tmp_path):
    """Each with its line; beyond 50 their number is enough."""
    path = tmp_path / "orders.jsonl"
    path.write_text('{"value": 1}\n\nx\n{"value": 1, "partition": 3}\n')
    with open_record_file(path) as file, pytest.raises(SpecError) as error:
        count_records(file, "orders.jsonl", "jsonl", TopicRules(3))
    assert error.value.problems == [
        "orders.jsonl:3: is no JSON: Expecting value at column 1",
        "orders.jsonl:4: partition 3: the topic has 3, from 0 to 2",
    ]
    path.write_text("x\n" * (MOST_REPORTED + 2))
    with open_record_file(path) as file, pytest.raises(SpecError) as error:
        count_records(file, "orders.jsonl", "jsonl")
    assert len(error.value.problems) == MOST_REPORTED + 1
    assert error.value.problems[-1] == "orders.jsonl: and 2 more problems"


def test_a_file_is_counted_then_read(tmp_path):
    """The records have the numbers of their lines."""
    path = tmp_path / "orders.jsonl"
    path.write_text('{"value": "a"}\n\n{"value": "b"}\n')
    with open_record_file(path) as file:
        assert count_records(file, "orders.jsonl", "jsonl") == 2
        file.seek(0)
        assert list(read_records(file, "orders.jsonl", "jsonl")) == [(1, RecordData(b"a")), (3, RecordData(b"b"))]


@pytest.mark.parametrize(("form", "text"), [("jsonl", '{"value": "a"}\n'), ("csv", "value\na\n"), ("text", "a\n")])
def test_a_file_of_windows(tmp_path, form, text):
    """Its mark of UTF-8 is no part of the first record, and no error; a mark alone is an empty file."""
    path = tmp_path / "records"
    for content, expected in ((text, [b"a"]), (text.replace("\n", "\r\n"), [b"a"]), ("", [])):
        path.write_bytes(b"\xef\xbb\xbf" + content.encode())
        with open_record_file(path) as file:
            assert [record.value for _line, record in read_records(file, "records", form)] == expected


def test_what_is_no_file_is_refused(tmp_path):
    """A folder, a missing file, a device: labctl must not wait for its end."""
    for path, what in (
        (tmp_path, "it is no file"),
        (tmp_path / "x", "No such file"),
        (Path("/dev/zero"), "it is no file"),
    ):
        with pytest.raises(SpecError, match=what), open_record_file(path):
            pass


# -- places in a topic -----------------------------------------------------------

NOW = datetime(2026, 11, 28, 12, tzinfo=timezone(timedelta(hours=2)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("100", (100, None)),
        ("10m", (None, (NOW - timedelta(minutes=10)).timestamp() * 1000)),
        ("2026-07-28T10:00", (None, datetime(2026, 7, 28, 10).timestamp() * 1000)),  # noqa: DTZ001
        ("2026-11-28T10:00Z", (None, datetime(2026, 11, 28, 10, tzinfo=UTC).timestamp() * 1000)),
    ],
)
def test_a_place_is_an_offset_a_time_or_a_time_ago(text, expected):
    """A time without a zone is the user's own."""
    place = parse_position(text, NOW)
    assert (place.offset, place.timestamp) == expected


def test_other_places_are_refused():
    """With what a place is."""
    for text in ("yesterday", "-1", "1e3", "10 m"):
        with pytest.raises(SpecError, match="an offset like 100"):
            parse_position(text, NOW)
