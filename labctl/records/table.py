"""Records as CSV, whose first line names the columns."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Iterable, Iterator

from labctl.records.json_lines import record_of
from labctl.records.record import Numbered, RecordData, RecordProblem
from labctl.wording import counted

NUMBERS = ("timestamp", "partition")
LONGEST_CELL = 100_000_000  # characters; csv's own limit is less than a record may have
LONGEST_NUMBER = 19  # digits of a signed number of 64 bits
RESERVED = ("key", *NUMBERS)  # columns that are no part of a value


def read_table(lines: Iterable[bytes]) -> Iterator[Numbered]:
    """Yield the record of each row, or what is wrong in it.

    Without a column `value` the value is a JSON object, with all columns but `key`, `timestamp` and `partition`. Where
    one of these three is empty, the record has none.
    """
    csv.field_size_limit(LONGEST_CELL)
    rows = csv.reader((line.decode() for line in lines), strict=True)
    columns: list[str] = []
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except (UnicodeDecodeError, csv.Error) as error:  # what comes after it may be in the middle of a quoted text
            yield rows.line_num + isinstance(error, UnicodeDecodeError), RecordProblem(str(error))
            return
        if not row:
            continue
        try:
            if columns:
                yield rows.line_num, _record(columns, row)
            else:
                columns = _checked(row)
        except RecordProblem as error:
            yield rows.line_num, error
            if not columns:
                return


def _checked(columns: list[str]) -> list[str]:
    """Return the names of the columns. Raises RecordProblem."""
    if twice := [name for name, count in Counter(columns).items() if count > 1]:
        raise RecordProblem(f"two columns have the name {twice[0]}")
    if len(columns) == 1 and (other := next((sign for sign in ";\t" if sign in columns[0]), "")):
        raise RecordProblem(f"the columns are separated by {other!r}; write the file with commas")
    others = [name for name in columns if name not in RESERVED]
    if not others:
        raise RecordProblem("there is no column for the value; the first line names the columns")
    if "value" in others and len(others) > 1:
        others.remove("value")
        raise RecordProblem(f"beside the column value there is {others[0]}; there may be {', '.join(RESERVED)}")
    return columns


def _record(columns: list[str], row: list[str]) -> RecordData:
    if len(row) != len(columns):
        raise RecordProblem(f"has {counted(len(row), 'column')}, and the first line names {len(columns)}")
    cells = dict(zip(columns, row, strict=True))
    data: dict[str, object] = {name: cells.pop(name) or None for name in RESERVED if name in cells}
    for name in NUMBERS:
        if data.get(name):
            data[name] = _number(name, str(data[name]))
    return record_of(data | {"value": cells.get("value", cells)})


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= LONGEST_NUMBER):
        raise RecordProblem(f"{name}: should be a whole number")
    return int(text)
