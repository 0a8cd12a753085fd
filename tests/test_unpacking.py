"""Batches that others wrote are unpacked within bounds, whatever codec they have."""

import tracemalloc

import pytest
from kafka.errors import CorruptRecordError
from kafka.record.memory_records import MemoryRecords, MemoryRecordsBuilder

from labctl.kafka.client import LARGEST_BATCH, Oversized
from labctl.kafka.client.unpacking import SMALL_BATCH, _Records
from labctl.webui.page.view_models import shown_text

CODECS = {"none": 0, "gzip": 1, "snappy": 2, "lz4": 3, "zstd": 4}
PACKED = [name for name in CODECS if name != "none"]
BOMB = bytes(4 * LARGEST_BATCH)


def batch_of(codec, values):
    builder = MemoryRecordsBuilder(magic=2, compression_type=CODECS[codec], batch_size=2**31 - 1, offset=0)
    for value in values:
        builder.append(timestamp=1, key=b"key", value=value, headers=[])
    builder.close()
    return bytes(builder.buffer())


def read(packed):
    return list(_Records(MemoryRecords(packed)).next_batch())


@pytest.mark.parametrize("codec", CODECS)
def test_a_batch_is_read(codec):
    """Records of each codec come out as they went in."""
    values = [b"a" * 1000, b"", b"c"]
    records = read(batch_of(codec, values))
    assert [(record.offset, record.key, record.value) for record in records] == [
        (offset, b"key", value) for offset, value in enumerate(values)
    ]


@pytest.mark.parametrize("codec", PACKED)
def test_a_batch_that_unpacks_to_too_much_is_one_record_that_says_so(codec):
    """Its offset is the last one of the batch, so that reading goes on after it; memory stays bounded."""
    packed = batch_of(codec, [b"before", BOMB, b"after"])
    tracemalloc.start()
    records = read(packed)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(record.offset, type(record.value)) for record in records] == [(2, Oversized)]
    assert shown_text(records[0].value).text.startswith("not shown: the batch of records up to this offset")
    assert peak < 3 * LARGEST_BATCH + len(packed)


@pytest.mark.parametrize("codec", CODECS)
def test_a_record_with_very_many_headers_is_one_that_says_so(codec):
    """A few hundred bytes would become hundreds of thousands of objects."""
    builder = MemoryRecordsBuilder(magic=2, compression_type=CODECS[codec], batch_size=2**31 - 1, offset=0)
    builder.append(timestamp=-5, key=None, value=b"x", headers=[("", b"")] * SMALL_BATCH)
    builder.close()
    (record,) = read(bytes(builder.buffer()))
    assert isinstance(record.value, Oversized)


@pytest.mark.parametrize("size", [300, SMALL_BATCH])
def test_a_record_with_headers_is_read(size):
    """As many as a program may use, in a small batch and in a large one."""
    headers = [("name", b"value")] * 1000
    builder = MemoryRecordsBuilder(magic=2, compression_type=CODECS["gzip"], batch_size=2**31 - 1, offset=0)
    builder.append(timestamp=-5, key=None, value=b"x" * size, headers=headers)
    builder.append(timestamp=-5, key=b"k" * 200, value=None, headers=[])
    builder.close()
    assert [record.headers for record in read(bytes(builder.buffer()))] == [headers, []]


def test_the_next_record_of_a_batch_can_be_taken():
    """kafka-python takes the marker of an aborted transaction so, from a batch that a broker wrote."""
    batch = _Records(MemoryRecords(batch_of("none", [b"marker"]))).next_batch()
    assert next(batch).value == b"marker"


@pytest.mark.parametrize("codec", PACKED)
def test_a_batch_that_is_not_what_it_says_is_an_error_of_kafka(codec):
    """Not of the library of its codec, which labctl does not expect."""
    packed = bytearray(batch_of(codec, [b"x" * 1000]))
    packed[61:] = b"\x05" * (len(packed) - 61)  # after the header of the batch
    with pytest.raises(CorruptRecordError):
        read(bytes(packed))
