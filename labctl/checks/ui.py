"""The web page: it shows a topic and a record of this run."""

from __future__ import annotations

from functools import partial

from labctl import kafbat
from labctl.checks.base import CheckContext, Found, eventually
from labctl.errors import HostError
from labctl.page_client import page_text
from labctl.waiting import NotReady


def no_page(context: CheckContext) -> str | None:
    """Why nothing can be seen through a page; None where it can."""
    return None if context.page else context.no_ui


def ui(context: CheckContext) -> Found:
    """A fresh record is seen through the page, and its topic in the overview."""
    topic, mark = context.topic("ui"), context.mark("seen")
    context.client.produce(topic, [(None, mark)])
    url = str(context.page)
    if context.page_kind == "kafbat":
        about_topic, about_records = kafbat.seen(url, context.lab, topic)
    else:
        about_topic, about_records = f"{url}/", f"{url}/topics/{topic}"
    for address, expected in ((about_records, mark.decode()), (about_topic, topic)):
        look = partial(_look, address, expected, context.page_key)
        eventually(context.seconds, f"the page {address}", look)
    return Found(f"{context.page} shows the topic and the record of this run")


def _look(url: str, expected: str, key: str | None) -> None:
    try:
        text = page_text(url, key)
    except HostError as error:
        raise NotReady(error.message) from error
    if expected not in text:
        raise NotReady(f"{url} does not show {expected}")
