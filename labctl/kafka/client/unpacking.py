"""Unpacking the batches that others wrote, within bounds: a few kilobytes of gzip can stand for gigabytes of zeros."""

from __future__ import annotations

import contextlib
import io
import zlib
from collections.abc import Callable, Iterator
from typing import Any

LARGEST_BATCH = 16 * 2**20  # bytes, unpacked; a producer packs 16 kB by default, and a broker accepts 1 MB
SMALL_BATCH = 2**18  # bytes, unpacked: whatever is in it, it is not worth a look at each record
MOST_HEADERS = 1000  # of one record in a larger one
GZIP = 31  # zlib's window bits for gzip


class Oversized(bytes):
    """The value of a record that stands for a batch which was not unpacked."""

    __slots__ = ()


class TooLarge(Exception):
    """A batch is larger than LARGEST_BATCH."""


def limit_batches(consumer: Any) -> Any:
    """Return the consumer of kafka-python, which then unpacks no batch beyond LARGEST_BATCH.

    Such a batch becomes one record, whose value is Oversized, at the batch's last offset.
    """
    fetcher = consumer._fetcher  # noqa: SLF001 - kafka-python has no setting for it
    parse = fetcher.PartitionRecords

    def parse_limited(offset: int, partition: Any, records: Any, **options: Any) -> Any:
        return parse(offset, partition, _Records(records), **options)

    fetcher.PartitionRecords = parse_limited
    return consumer


class _Records:
    """kafka-python's batches of one fetch, each within bounds."""

    def __init__(self, records: Any) -> None:
        self._records = records

    def next_batch(self) -> Any:
        batch = self._records.next_batch()
        return _Batch(batch) if batch is not None and batch.magic >= 2 else batch  # Kafka 3 and newer writes no other

    def __getattr__(self, name: str) -> Any:
        return getattr(self._records, name)


class _Batch:
    def __init__(self, batch: Any) -> None:
        self._batch = batch

    def __next__(self) -> Any:
        return next(self._batch)  # kafka-python reads control batches so, which brokers write

    def __iter__(self) -> Iterator[Any]:
        from kafka.errors import CorruptRecordError
        from kafka.record.default_records import DefaultRecord

        batch = self._batch
        try:
            with contextlib.suppress(ImportError):  # kafka-python reports that the library of a codec is missing
                _unpack(batch)
                records = memoryview(batch._buffer)[batch._pos :]  # noqa: SLF001
                if len(records) > SMALL_BATCH:
                    _require_few_headers(records, batch.records_count)
        except TooLarge:
            yield DefaultRecord(0, batch.last_offset, batch.max_timestamp, batch.timestamp_type, None, Oversized(), [])
            return
        except Exception as error:  # each library has its own
            raise CorruptRecordError(f"the batch at offset {batch.base_offset} can't be unpacked: {error}") from error
        yield from batch

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)


def _unpack(batch: Any) -> None:
    """Put the unpacked records into kafka-python's batch, as it does itself. Raises TooLarge."""
    unpack = UNPACKERS.get(batch.compression_type)
    if unpack and not batch._decompressed:  # noqa: SLF001
        packed = bytes(memoryview(batch._buffer)[batch._pos :])  # noqa: SLF001
        data = unpack(packed)
        if len(data) > LARGEST_BATCH:
            raise TooLarge
        batch._buffer, batch._pos, batch._decompressed = bytearray(data), 0, True  # noqa: SLF001


def _require_few_headers(records: memoryview, count: int) -> None:
    """Raise TooLarge where a record has more than MOST_HEADERS: each of two bytes becomes a hundred in Python.

    A record is its length, attributes, two deltas, key, value, and the number of its headers
    (kafka.apache.org/documentation, "Record").
    """
    from kafka.record.util import decode_varint

    position = 0
    for _ in range(count):
        length, start = decode_varint(records, position)
        place = start + 1  # after the attributes
        for _delta in range(2):
            _number, place = decode_varint(records, place)
        for _text in range(2):
            size, place = decode_varint(records, place)
            place += max(size, 0)
        headers, _place = decode_varint(records, place)
        if headers > MOST_HEADERS:
            raise TooLarge
        position = start + length


def _gzip(packed: bytes) -> bytes:
    return zlib.decompressobj(GZIP).decompress(packed, LARGEST_BATCH + 1)


def _snappy(packed: bytes) -> bytes:
    from kafka.codec import snappy_decode

    if sum(_snappy_sizes(packed)) > LARGEST_BATCH:
        raise TooLarge
    return bytes(snappy_decode(packed))


def _snappy_sizes(packed: bytes) -> Iterator[int]:
    """The unpacked size of each block: a block begins with it (github.com/google/snappy, format_description.txt).

    Java's clients put blocks into a frame: a header of 16 bytes, and before each block its length in four bytes.
    """
    framed = packed[:8] == b"\x82SNAPPY\0"
    position = 16 if framed else 0
    while position < len(packed):
        length = int.from_bytes(packed[position : position + 4]) if framed else len(packed)
        position += 4 if framed else 0
        yield _varint(packed[position : position + 5])
        position += length


def _varint(data: bytes) -> int:
    number = 0
    for place, byte in enumerate(data):
        number |= (byte & 0x7F) << (7 * place)
        if byte < 0x80:
            break
    return number


def _lz4(packed: bytes) -> bytes:
    from lz4.frame import LZ4FrameDecompressor

    return bytes(LZ4FrameDecompressor().decompress(packed, max_length=LARGEST_BATCH + 1))


def _zstd(packed: bytes) -> bytes:
    from zstandard import ZstdDecompressor

    with ZstdDecompressor(max_window_size=LARGEST_BATCH).stream_reader(
        io.BytesIO(packed), read_across_frames=True
    ) as reader:
        return bytes(reader.read(LARGEST_BATCH + 1))


# Kafka's numbers of the codecs
UNPACKERS: dict[int, Callable[[bytes], bytes]] = {1: _gzip, 2: _snappy, 3: _lz4, 4: _zstd}
