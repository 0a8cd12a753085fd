"""What a request asks the page for: each number within its bounds, each form the page's own. Raises HTTPException."""

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
class Window:
    """Which records are looked at: the newest, or from the beginning or an offset on; of one partition or of all."""

    start: str  # newest, oldest, offset
    partition: int | None
    offset: int
    count: int

    @property
    def first(self) -> int | None:
        """The offset to begin at; None: the newest are wanted."""
        return {"newest": None, "oldest": 0, "offset": self.offset}[self.start]


def read_window(request: Request, partitions: int) -> Window:
    """The window that is asked for of a topic with so many partitions."""
    asked = request.query_params
    start = asked.get("from", "newest")
    if start not in {"newest", "oldest", "offset"}:
        raise HTTPException(400, "from is newest, oldest or offset")
    chosen = asked.get("partition", "")
    return Window(
        start,
        read_number(chosen, "partition", 0, partitions - 1) if chosen else None,
        read_number(asked.get("offset") or "0", "offset", 0, 2**63 - 1),
        read_number(asked.get("count") or "50", "count", 1, MOST_RECORDS),
    )


def read_written(request: Request) -> tuple[int, int] | None:
    """Partition and offset of the record that was produced just before."""
    told = re.fullmatch(r"(\d{1,9})-(\d{1,18})", request.query_params.get("written", ""), re.ASCII)
    return (int(told[1]), int(told[2])) if told else None


def read_number(text: str, what: str, lowest: int, highest: int) -> int:
    """The number that `text` is; `what` it is of."""
    if not (text.isascii() and text.isdigit() and len(text) < 20 and lowest <= int(text) <= highest):
        raise HTTPException(400, f"{what} is a number from {lowest} to {highest}")
    return int(text)


async def read_form(request: Request, origins: set[str], token: str) -> dict[str, str]:
    """The fields of a form that came from one of `origins` and has the `token`. Refuses others, and large ones."""
    if request.headers.get("origin") not in origins:
        raise HTTPException(403, "this form was not sent by the lab page")
    if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
        raise HTTPException(415, "a form is application/x-www-form-urlencoded")
    if _announced(request) > LARGEST_FORM:
        raise HTTPException(413, f"a form has at most {LARGEST_FORM} bytes")
    raw = b""
    async for chunk in request.stream():
        raw += chunk
        if len(raw) > LARGEST_FORM:
            raise HTTPException(413, f"a form has at most {LARGEST_FORM} bytes")
    try:
        fields = parse_qs(raw.decode("ascii"), keep_blank_values=True, strict_parsing=bool(raw), max_num_fields=10)
        form = {key: values[0] for key, values in fields.items()}
    except ValueError:
        raise HTTPException(400, "this is no form") from None
    if not secrets.compare_digest(form.get("token", "").encode(), token.encode()):
        raise HTTPException(403, "this form is from before the page was started again: load the page anew")
    return form


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() and len(length) < 20 else 0
