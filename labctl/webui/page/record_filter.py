"""Which records a person looks for: by text in the key or value, or by a path in a value that is JSON."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

PLACES = {"any": "key or value", "key": "key", "value": "value", "path": "JSON path"}
FUNCTIONS = ("match(", "search(", "=~")  # of regular expressions, which may take for ever
JSONPATH = "a JSON path (RFC 9535) is like $.orderid, or $.customer.name = Ada"


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """A text, and where it is looked for: a key of PLACES. Upper and lower case are the same.

    For `path` it is a JSON path, alone (the value has something there) or followed by ` = ` and what is there.
    """

    text: str
    place: str

    def matcher(self) -> Callable[[str, str], bool]:
        """Return a function that says whether a record with this key and value, as text, is looked for.

        Raises ValueError where the text is no JSON path.
        """
        if self.place == "path":
            return self._by_path()
        wanted = self.text.casefold()
        places = {"any": (0, 1), "key": (0,), "value": (1,)}[self.place]
        return lambda *texts: any(wanted in texts[place].casefold() for place in places)

    def _by_path(self) -> Callable[[str, str], bool]:
        import jsonpath

        text = self.text if self.text.startswith("$") else f"$.{self.text}"
        if any(name in text for name in FUNCTIONS) or text.count("..") > 1:
            raise ValueError(f"regular expressions, and more than one .., take too long here; {JSONPATH}")
        path, has_value, wanted = text, "", ""
        try:
            query = jsonpath.compile(path)
        except jsonpath.JSONPathError as first:  # it may have ` = ` and what is there
            path, has_value, wanted = (part.strip() for part in text.rpartition("="))
            if not has_value:
                raise ValueError(f"{first}; {JSONPATH}") from None
            try:
                query = jsonpath.compile(path)
            except jsonpath.JSONPathError as error:
                raise ValueError(f"{error}; {JSONPATH}") from None

        def matches(_key: str, value: str) -> bool:
            try:
                found = query.findall(json.loads(value))
            except (ValueError, RecursionError, jsonpath.JSONPathError):
                return False
            return any(_same(each, wanted) for each in found) if has_value else bool(found)

        return matches


def _same(found: Any, wanted: str) -> bool:
    return wanted in {found if isinstance(found, str) else json.dumps(found), json.dumps(found)}
