"""The web page: it shows a topic and a record of this run."""

from __future__ import annotations

from functools import partial

from labctl.checks.base import CheckPass, Skipped, eventually
from labctl.checks.context import CheckContext, Unavailable, WebPage
from labctl.errors import HostError
from labctl.system.waiting import NotReady
from labctl.webui import kafbat
from labctl.webui.http_client import page_text


def no_page(context: CheckContext) -> str | None:
    """Return why this check can't run, or None where it can."""
    return context.page.reason if isinstance(context.page, Unavailable) else None


def ui(context: CheckContext) -> CheckPass:
    """Return a pass where a new record is on the page of its topic, and the topic in the overview.

    Raises CheckFailed where it is not, Skipped where no page is known, KafkaFailed.
    """
    page = context.page
    if isinstance(page, Unavailable):
        raise Skipped(page.reason)
    topic, mark = context.topic("ui"), context.mark("shown")
    context.client.produce(topic, [(None, mark)])
    topic_address, records_address = _addresses(page, topic)
    for address, expected in ((records_address, mark.decode()), (topic_address, topic)):
        eventually(context.timeout, f"the page {address}", partial(_require_text, address, expected, page.key))
    return CheckPass(f"{page.url} shows the topic and the record of this run")


def _addresses(page: WebPage, topic: str) -> tuple[str, str]:
    if page.kind == "kafbat":
        return kafbat.api_addresses(page.url, page.lab, topic)
    return f"{page.url}/", f"{page.url}/topics/{topic}"


def _require_text(url: str, expected: str, key: str | None) -> None:
    try:
        text = page_text(url, key)
    except HostError as error:
        raise NotReady(error.message) from error
    if expected not in text:
        raise NotReady(f"{url} does not show {expected}")
