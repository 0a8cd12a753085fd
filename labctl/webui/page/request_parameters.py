"""The parameters of a request: each number within its bounds, each form from the page itself. Raises HTTPException."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

from labctl.webui.page.record_filter import PLACES, RecordFilter

LARGEST_FORM = 1 << 20  # bytes
MOST_RECORDS = 200
MOST_CHARACTERS = 500  # of what is looked for
STARTS = ("newest", "oldest", "offset", "time")


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records to show: the newest, or from the beginning, an offset or a time on; of one or of all partitions.

    `time` is in milliseconds since 1970, `time_text` as it was typed.
    """

    start: str  # newest, oldest, offset, time
    partition: int | None
    offset: int
    count: int
    time: int = 0
    time_text: str = ""
    wanted: RecordFilter | None = None  # None: all records

    @property
    def first(self) -> int | None:
        """The first offset; None: the newest records. With a time, each partition begins where its records do."""
        return {"newest": None, "oldest": 0, "offset": self.offset, "time": 0}[self.start]


def read_query(request: Request, partitions: int) -> RecordQuery:
    """Return the query of a request for the records of a topic with so many partitions. Raises HTTPException."""
    parameters = request.query_params
    start = parameters.get("from", "newest")
    if start not in STARTS:
        raise HTTPException(400, f"from is {', '.join(STARTS)}")
    chosen = parameters.get("partition", "")
    text, place = parameters.get("find", "").strip()[:MOST_CHARACTERS], parameters.get("in", "any")
    if place not in PLACES:
        raise HTTPException(400, f"in is {', '.join(PLACES)}")
    moment = parameters.get("time", "").strip()
    return RecordQuery(
        start,
        read_number(chosen, "partition", 0, partitions - 1) if chosen else None,
        read_number(parameters.get("offset") or "0", "offset", 0, 2**63 - 1),
        read_number(parameters.get("count") or "50", "count", 1, MOST_RECORDS),
        _milliseconds(moment) if start == "time" else 0,
        moment,
        RecordFilter(text, place) if text else None,
    )


def _milliseconds(text: str) -> int:
    """A time of a form in milliseconds since 1970; UTC, as the page shows times. Raises HTTPException."""
    try:
        moment = datetime.fromisoformat(text)
        found = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
    except (ValueError, OverflowError):
        found = -1
    if found < 0:
        raise HTTPException(400, "a time is like 2026-11-28 12:00, in UTC, and not before 1970")
    return found


def read_written(request: Request) -> tuple[int, int] | None:
    """Return partition and offset of the record that was just produced, or None."""
    found = re.fullmatch(r"(\d{1,9})-(\d{1,18})", request.query_params.get("written", ""), re.ASCII)
    return (int(found[1]), int(found[2])) if found else None


def read_number(text: str, what: str, lowest: int, highest: int) -> int:
    """Return the number in `text`; `what` it is, for messages. Raises HTTPException."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest):
        raise HTTPException(400, f"{what} is a number from {lowest} to {highest}")
    return int(text)


async def read_form(request: Request, origins: set[str], token: str) -> dict[str, str]:
    """Return the fields of a form of this page: sent from `origins`, with the `token`. Raises HTTPException."""
    if request.headers.get("origin") not in origins:
        raise HTTPException(403, "this form was not sent by the lab page")
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "a form is application/x-www-form-urlencoded")
    raw = await read_body(request, LARGEST_FORM)
    try:
        fields = parse_qs(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=10)
        form = {key: values[0] for key, values in fields.items()}
    except ValueError:
        raise HTTPException(400, "this is not a form") from None
    if not secrets.compare_digest(form.get("token", "").encode(), token.encode()):
        raise HTTPException(403, "this form is from before the page was restarted: load the page again")
    return form


async def read_body(request: Request, most: int) -> bytes:
    """Return the body of a request, of `most` bytes at most. Raises HTTPException, ClientDisconnect."""
    refusal = HTTPException(413, f"a form has at most {most} bytes")
    if _content_length(request) > most:
        raise refusal
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > most:
            raise refusal
    return raw


def _content_length(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
