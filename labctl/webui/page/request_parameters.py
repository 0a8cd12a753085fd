"""The parameters of a request: each number within its bounds, each form from the page itself. Raises HTTPException."""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request

LARGEST_FORM = 1 << 20  # bytes
MOST_RECORDS = 200


@dataclass(frozen=True, slots=True)
class RecordQuery:
    """Which records to show: the newest, or from the beginning or an offset on; of a partition or of all partitions."""

    start: str  # newest, oldest, offset
    partition: int | None
    offset: int
    count: int

    @property
    def first(self) -> int | None:
        """The first offset; None: the newest records."""
        return {"newest": None, "oldest": 0, "offset": self.offset}[self.start]


def read_query(request: Request, partitions: int) -> RecordQuery:
    """Return the query of a request for the records of a topic with so many partitions. Raises HTTPException."""
    parameters = request.query_params
    start = parameters.get("from", "newest")
    if start not in {"newest", "oldest", "offset"}:
        raise HTTPException(400, "from is newest, oldest or offset")
    chosen = parameters.get("partition", "")
    return RecordQuery(
        start,
        read_number(chosen, "partition", 0, partitions - 1) if chosen else None,
        read_number(parameters.get("offset") or "0", "offset", 0, 2**63 - 1),
        read_number(parameters.get("count") or "50", "count", 1, MOST_RECORDS),
    )


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
