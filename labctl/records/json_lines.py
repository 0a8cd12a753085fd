"""Records as JSON Lines: an object a line. What `labctl dump` writes, `labctl load` reads back byte for byte.

`key` and `value` are text, null, or any JSON, which stands for its compact form. Bytes that are not UTF-8 are in
`key_base64` and `value_base64` instead.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import Any, NoReturn

from labctl.records.record import Header, RecordData, RecordProblem

BASE64 = "_base64"
KEYS = frozenset({"key", "key_base64", "value", "value_base64", "headers", "timestamp", "partition"})
HEADER_KEYS = frozenset({"key", "value", "value_base64"})
EXAMPLE = '{"key": "c1", "value": {"orderid": 1001}}'
LARGEST_TIMESTAMP = 2**63 - 1  # a record's timestamp is a signed 64-bit number
LARGEST_PARTITION = 2**31 - 1
MOST_BRACKETS = 500  # Python's json reads about 1000 levels, and fewer where its caller is deep itself


def parse_record(line: bytes) -> RecordData:
    """Return the record of one line. Raises RecordProblem with what is wrong in it."""
    try:
        data = _DECODER.decode(line.decode())
    except UnicodeDecodeError as error:
        raise RecordProblem(f"is not UTF-8: {error.reason} at byte {error.start + 1}") from None
    except json.JSONDecodeError as error:
        raise RecordProblem(f"is no JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise RecordProblem("is nested too deeply") from None
    except RecordProblem:
        raise
    except ValueError:  # sys.set_int_max_str_digits
        raise RecordProblem("has a number with too many digits; use text: in quotes") from None
    if not isinstance(data, dict):
        raise RecordProblem(f"should be an object like {EXAMPLE}")
    return record_of(data)


def record_of(data: dict[str, Any]) -> RecordData:
    """Return the record of an object as JSON and YAML have it. Raises RecordProblem with what is wrong in it."""
    if unknown := data.keys() - KEYS:
        raise RecordProblem(f"{min(map(str, unknown))}: unknown key; there are {', '.join(sorted(KEYS))}")
    if "value" not in data and "value_base64" not in data:
        raise RecordProblem("value: this key is required; null is a record without a value")
    headers = data.get("headers")
    return RecordData(
        _content(data, "value"),
        _content(data, "key"),
        _headers(headers) if headers else (),
        _number(data, "timestamp", 1, LARGEST_TIMESTAMP),  # librdkafka takes 0 for the time of writing
        _number(data, "partition", 0, LARGEST_PARTITION),
    )


def format_record(record: RecordData) -> str:
    """Return the line of a record, without its line end. `parse_record` returns the same record for it."""
    parts = [_member("key", record.key), _member("value", record.value)]
    if record.headers:
        members = (
            f'{{"key":{_quoted(name)},{_member("value", value, embed=False)}}}' for name, value in record.headers
        )
        parts.append(f'"headers":[{",".join(members)}]')
    if record.timestamp is not None:
        parts.append(f'"timestamp":{record.timestamp}')
    if record.partition is not None:
        parts.append(f'"partition":{record.partition}')
    return f"{{{','.join(parts)}}}"


# -- reading -----------------------------------------------------------------


def _content(data: dict[str, Any], name: str) -> bytes | None:
    """The bytes of a key or value; None where it is null or absent."""
    if name + BASE64 in data:
        return _binary(data, name)
    content = data.get(name)
    if content is None:
        return None
    try:
        return (content if isinstance(content, str) else _compact(content)).encode()
    except UnicodeEncodeError:
        raise RecordProblem(
            f"{name}: has half of a surrogate pair, which UTF-8 can't have; use {name}{BASE64}"
        ) from None
    except (ValueError, TypeError, RecursionError) as error:  # TypeError: YAML has dates, and keys that are no text
        raise RecordProblem(f"{name}: can't be written as JSON: {error}") from None


def _binary(data: dict[str, Any], name: str) -> bytes:
    if name in data:
        raise RecordProblem(f"{name}: {name}{BASE64} is there too; remove one of both")
    try:
        return base64.b64decode(data[name + BASE64], validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise RecordProblem(f"{name}{BASE64}: should be text in base64") from None


def _headers(headers: Any) -> tuple[Header, ...]:
    """The headers of {name: value, …}, or of [{key: name, value: value}, …], where a name may be there twice."""
    if isinstance(headers, dict):
        headers = [{"key": name, "value": value} for name, value in headers.items()]
    if not isinstance(headers, list):
        raise RecordProblem('headers: should be an object, or a list like [{"key": "trace", "value": "abc"}]')
    return tuple(_header(header, place) for place, header in enumerate(headers))


def _header(header: Any, place: int) -> Header:
    where = f"headers[{place}]"
    if not isinstance(header, dict) or not isinstance(header.get("key"), str):
        raise RecordProblem(f'{where}: should be like {{"key": "trace", "value": "abc"}}')
    if unknown := header.keys() - HEADER_KEYS:
        raise RecordProblem(
            f"{where}: {min(map(str, unknown))}: unknown key; there are {', '.join(sorted(HEADER_KEYS))}"
        )
    try:
        header["key"].encode()
        return header["key"], _content(header, "value")
    except UnicodeEncodeError:
        raise RecordProblem(f"{where}: key: has half of a surrogate pair") from None
    except RecordProblem as error:
        raise RecordProblem(f"{where}: {error}") from None


def _number(data: dict[str, Any], name: str, smallest: int, largest: int) -> int | None:
    number = data.get(name)
    if number is None:
        return None
    if type(number) is not int or not smallest <= number <= largest:
        raise RecordProblem(f"{name}: should be a whole number from {smallest} to {largest}")
    return number


# -- writing -----------------------------------------------------------------


def _member(name: str, content: bytes | None, *, embed: bool = True) -> str:
    """A key or value as a member of the object: JSON as it is, where that gives the same bytes again."""
    if content is None:
        return f'"{name}":null'
    try:
        text = content.decode()
    except UnicodeDecodeError:
        return f'"{name}{BASE64}":"{base64.b64encode(content).decode()}"'
    return f'"{name}":{text if embed and _is_compact(text) else _quoted(text)}'


def _is_compact(text: str) -> bool:
    """Whether a text is an object or a list of JSON that is compact already. Text and numbers stay text."""
    if text[:1] not in {"{", "["} or text.count("{") + text.count("[") > MOST_BRACKETS:
        return False
    try:
        return _compact(_DECODER.decode(text)) == text
    except (ValueError, RecursionError):
        return False


def _refuse_constant(name: str) -> NoReturn:
    raise RecordProblem(f"is no JSON: it has no {name}")  # Python's json has NaN and Infinity, which others refuse


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
_quoted = json.JSONEncoder(ensure_ascii=False).encode
