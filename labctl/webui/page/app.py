"""The page's routes. Each request reads from Kafka; what the charts show is kept in memory."""

from __future__ import annotations

import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from labctl import report
from labctl.errors import HostError, KafkaFailed
from labctl.kafka.client import KafkaClient, Oversized, Record
from labctl.kafka.late_quorum import read_quorum
from labctl.plan.model import LabPlan
from labctl.plan.sizes import MEBIBYTE
from labctl.records.json_lines import format_record
from labctl.records.record import RecordData
from labctl.rendering.templates import render_template, templates_folder
from labctl.report.html import to_html
from labctl.service_kinds import SERVICES
from labctl.system.parallel import run_pair
from labctl.webui.page.access import page_cookie
from labctl.webui.page.auth import RequireKey, new_base
from labctl.webui.page.charts import charts
from labctl.webui.page.decoding import Decoder
from labctl.webui.page.live_kafka import LiveKafka
from labctl.webui.page.record_filter import PLACES
from labctl.webui.page.request_parameters import (
    MOST_RECORDS,
    RecordQuery,
    read_form,
    read_number,
    read_query,
    read_written,
)
from labctl.webui.page.samples import Sampler
from labctl.webui.page.search import search
from labctl.webui.page.view_models import (
    ShownRecord,
    full_text,
    is_internal,
    leader_name,
    readable,
    shown_commands,
    shown_groups,
    shown_nodes,
    shown_record,
    shown_topics,
)

HOSTS = ["localhost", "127.0.0.1"]
T = TypeVar("T")
MOST_PARTITIONS = 1000
LARGEST_DOWNLOAD = 20 * MEBIBYTE  # bytes
MOST_PAGES = 100_000
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser sends its own forms with the Origin null
    "Cache-Control": "no-store",
}
REPORT_HEADERS = HEADERS | {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'none'"
}
ASSETS = {"page.css": "text/css", "page.js": "text/javascript"}
PUBLIC = {"/health", *(f"/assets/{name}" for name in ASSETS)}


@dataclass(frozen=True, slots=True)
class Page:
    """The page of one lab. `token` is in each form: a page of another site does not have it."""

    plan: LabPlan
    kafka: LiveKafka
    folder: Path
    sampler: Sampler
    decoder: Decoder
    base: str = ""  # the start of its addresses
    token: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    @property
    def origins(self) -> set[str]:
        """The origins of its own forms."""
        return {f"http://{host}:{self.plan.ui.port}" for host in HOSTS}

    def shown(self, template: str, *, status: int = 200, **values: Any) -> HTMLResponse:
        """Return a response from templates/page/`template`, with the values that all of them need."""
        text = render_template(f"page/{template}.html.j2", plan=self.plan, base=self.base, token=self.token, **values)
        return HTMLResponse(text, status, HEADERS)

    # -- reading -----------------------------------------------------------

    def overview(self, request: Request) -> Response:
        """Return the page with nodes, quorum, endpoints, topics. Raises HTTPException for a wrong page, KafkaFailed."""
        plan, kafka = self.plan, self.kafka.look()
        number = read_number(request.query_params.get("page") or "1", "page", 1, MOST_PAGES)
        (registered, topics), (quorum, problem) = run_pair(
            lambda: (kafka.client.broker_endpoints(), shown_topics(kafka.client, kafka.brokers, number)),
            lambda: read_quorum(kafka.quorum_client),
        )
        nodes = shown_nodes(plan, quorum, registered, kafka.brokers)
        return self.shown(
            "overview",
            nodes=nodes,
            responding=sum(node.responds for node in nodes),
            leader=leader_name(plan, quorum),
            problem=problem,
            topics=topics,
            commands=shown_commands(plan, plan.main_topic),
            service_titles={kind: service.title for kind, service in SERVICES.items()},
        )

    def topic(self, request: Request) -> Response:
        """Return the page of a topic: partitions and records. Raises HTTPException where there is none, KafkaFailed."""
        name, kafka = request.path_params["name"], self.kafka.look()
        partitions = kafka.client.topics([name]).get(name)
        if partitions is None:
            raise HTTPException(404, f"there is no topic {name}")
        query = read_query(request, len(partitions))
        numbers = readable(partitions, kafka.brokers)
        ranges = kafka.client.offset_ranges({name: numbers})[name]
        records, count_text, complete = self._records(kafka.client, name, ranges, query, lambda _record, shown: shown)
        return self.shown(
            "topic",
            name=name,
            partitions=partitions,
            ranges=ranges,
            records=records,
            count_text=count_text,
            complete=complete,
            places=PLACES,
            parameters=request.url.query,
            not_readable=[partition.number for partition in partitions if partition.number not in numbers],
            written=read_written(request),
            query=query,
            most=MOST_RECORDS,
            commands=shown_commands(self.plan, name),
        )

    def download(self, request: Request) -> Response:
        """Return the records that the page of a topic shows, as JSON Lines. Raises HTTPException, KafkaFailed."""
        name, kafka = request.path_params["name"], self.kafka.look()
        partitions = kafka.client.topics([name]).get(name)
        if partitions is None:
            raise HTTPException(404, f"there is no topic {name}")
        query = read_query(request, len(partitions))
        ranges = kafka.client.offset_ranges({name: readable(partitions, kafka.brokers)})[name]
        size = 0

        def as_line(record: Record, _shown: ShownRecord) -> str:
            nonlocal size
            if isinstance(record.key, Oversized) or isinstance(record.value, Oversized):
                raise HTTPException(503, f"the record at offset {record.offset} is too large: labctl dump {name}")
            line = format_record(RecordData(record.value, record.key, (), record.timestamp, record.partition))
            size += len(line)
            if size > LARGEST_DOWNLOAD:
                raise HTTPException(503, f"more than {LARGEST_DOWNLOAD // MEBIBYTE} MiB: labctl dump {name}")
            return line

        lines, _count, complete = self._records(kafka.client, name, ranges, query, as_line)
        if not complete:
            raise HTTPException(503, f"not all records could be read in time: fewer, or labctl dump {name}")
        headers = HEADERS | {"Content-Disposition": f'attachment; filename="{name}.jsonl"'}
        return Response("".join(f"{line}\n" for line in lines), 200, headers, "application/jsonl")

    def _records(
        self,
        client: KafkaClient,
        name: str,
        ranges: Mapping[int, tuple[int, int]],
        query: RecordQuery,
        view: Callable[[Record, ShownRecord], T],
    ) -> tuple[list[T], str, bool]:
        """What `view` makes of the records of a query, how many of how many, and whether all could be read."""
        wanted = {number: ranges[number] for number in ranges if query.partition in {None, number}}
        if query.start == "time":
            starts = client.offsets_at(name, list(wanted), query.time)
            ends = {number: end for number, (_first, end) in wanted.items()}
            wanted = {number: (ends[number] if at is None else at, ends[number]) for number, at in starts.items()}
        newest = query.start == "newest"
        decode = self.decoder.decode
        if query.wanted is None:
            records, complete = client.browse(
                name,
                wanted,
                offset=query.first,
                limit=query.count,
                view=lambda record: view(record, shown_record(record, decode)),
            )
            total = sum(end - first for first, end in ranges.values())
            return records[::-1] if newest else records, _count_text(len(records), total, complete=complete), complete
        try:
            matches = query.wanted.matcher()
        except ValueError as error:
            raise HTTPException(400, str(error)) from None

        def matching(record: Record) -> T | None:
            shown = shown_record(record, decode)
            texts = full_text(record.key, shown.key), full_text(record.value, shown.value)
            return view(record, shown) if matches(*texts) else None

        if query.start == "offset":
            wanted = {number: (max(first, query.offset), end) for number, (first, end) in wanted.items()}
        found = search(client, name, wanted, newest=newest, count=query.count, view=matching)
        where = "all" if found.complete else f"{found.examined:,} of {found.total:,}"
        full = len(found.records) == query.count
        return found.records, f"{len(found.records):,} found, {where} records examined", found.complete or full

    def groups(self, _request: Request) -> Response:
        """Return the page with consumer groups and their lag. Raises KafkaFailed."""
        kafka = self.kafka.look()
        found = shown_groups(kafka.client, kafka.brokers)
        return self.shown("groups", groups=found.groups, silent=found.silent)

    def charts(self, _request: Request) -> Response:
        """Return the page with the charts of the last 15 minutes."""
        samples = self.sampler.samples()
        left_out = samples[-1].left_out if samples else ()
        return self.shown("charts", charts=charts(samples, time.time()), count=len(samples), left_out=left_out)

    def metrics(self, _request: Request) -> Response:
        """Return the newest sample for Prometheus, whose library is loaded when something asks for it."""
        from labctl.webui.page.metrics import metrics_text

        text, kind = metrics_text(self.plan, self.sampler.newest())
        return Response(text, 200, HEADERS, kind)

    def report(self, _request: Request) -> Response:
        """Return the last report. Raises HTTPException where there is none."""
        try:
            last = report.read(self.folder)
        except HostError as error:
            raise HTTPException(404, error.message) from None
        if last is None:
            raise HTTPException(404, "there is no report yet")
        return HTMLResponse(to_html(last, home=f"{self.base}/"), 200, REPORT_HEADERS)

    def _to_topic(self, name: str, query: str = "") -> Response:
        return RedirectResponse(f"{self.base}/topics/{quote(name, safe='')}{query}", 303, HEADERS)

    # -- changing ----------------------------------------------------------

    async def make_topic(self, request: Request) -> Response:
        """Create a topic, and return a redirect to it. Raises HTTPException for a wrong form or name, KafkaFailed."""
        form = await read_form(request, self.origins, self.token)
        name = form.get("name", "")
        partitions = read_number(form.get("partitions", "3"), "partitions", 1, MOST_PARTITIONS)
        topic: tuple[int, int, dict[str, str]] = (partitions, self.plan.internal_replication_factor, {})
        new = await run_in_threadpool(lambda: self.kafka.look().client.create_topics({name: topic}))
        if not new:
            raise HTTPException(409, f"there is a topic {name} already")
        return self._to_topic(name)

    async def produce(self, request: Request) -> Response:
        """Write one record, and return a redirect to its topic with the record's position.

        Raises HTTPException for a wrong form or where there is no such topic, KafkaFailed.
        """
        form = await read_form(request, self.origins, self.token)
        name = request.path_params["name"]
        client = (await run_in_threadpool(self.kafka.look)).client
        described = await run_in_threadpool(client.topics, [name])
        if name not in described:
            raise HTTPException(404, f"there is no topic {name}")
        chosen = form.get("partition", "")
        partition = read_number(chosen, "partition", 0, len(described[name]) - 1) if chosen else None
        key = form.get("key", "").encode() or None
        value = form.get("value", "").replace("\r\n", "\n")  # browsers send a new line as two characters
        record = (key, value.encode())
        ((number, offset),) = await run_in_threadpool(lambda: client.produce(name, [record], partition=partition))
        return self._to_topic(name, f"?written={number}-{offset}")

    async def ask(self, request: Request) -> Response:
        """Return the question whether a topic, or its records, should be deleted. Raises HTTPException, KafkaFailed."""
        name = request.path_params["name"]
        topics = await run_in_threadpool(lambda: self.kafka.look().client.topics([name]))
        if name not in topics:
            raise HTTPException(404, f"there is no topic {name}")
        return self.shown("question", name=name, what=_what(request.query_params.get("what", "")))

    async def delete(self, request: Request) -> Response:
        """Delete a topic or its records, and return a redirect to the overview or the topic.

        Raises HTTPException for a wrong form or where there is no such topic, KafkaFailed.
        """
        form = await read_form(request, self.origins, self.token)
        name, what = request.path_params["name"], _what(form.get("what", ""))
        client = (await run_in_threadpool(self.kafka.look)).client
        described = await run_in_threadpool(client.topics, [name])
        if name not in described:
            raise HTTPException(404, f"there is no topic {name}")
        if is_internal(name):
            raise HTTPException(403, f"{name} is one of Kafka's own topics")
        if what == "topic":
            await run_in_threadpool(client.delete_topics, [name])
            return RedirectResponse(f"{self.base}/", 303, HEADERS)
        numbers = [partition.number for partition in described[name]]
        ranges = (await run_in_threadpool(client.offset_ranges, {name: numbers}))[name]
        before = {number: end for number, (_first, end) in ranges.items()}
        await run_in_threadpool(client.delete_records, name, before)
        return self._to_topic(name)


def _what(text: str) -> str:
    """What should be deleted: topic or records. Raises HTTPException."""
    if text not in {"topic", "records"}:
        raise HTTPException(400, "what is topic or records")
    return text


def _count_text(shown: int, offsets: int, *, complete: bool) -> str:
    """How many records of how many: compaction and transactions leave offsets without a record."""
    if not complete:
        return f"{shown:,} records; the others could not be read in time: show fewer, or one partition"
    return f"{shown:,} of about {offsets:,} records" if shown < offsets else f"all {shown:,} records"


def _way_back(request: Request) -> str:
    """The page with the form that was sent; else the overview."""
    path = str(request.scope["path"])
    if not path.startswith("/topics/") or request.method != "POST":
        return "/"
    return path.removesuffix("/records").removesuffix("/delete")


def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in ASSETS:
        raise HTTPException(404, f"there is no {name}")
    text = (templates_folder() / "page" / name).read_text(encoding="utf-8")
    return Response(text, 200, HEADERS, ASSETS[name])


def make_app(plan: LabPlan, kafka: LiveKafka, folder: Path, sampler: Sampler, key: str | None = None) -> Starlette:
    """Return the ASGI application; with a `key` it accepts only requests that have it.

    Host names other than localhost are rejected, also a name that another site has for 127.0.0.1 (DNS rebinding).
    """
    remedy = f"To open it: labctl ui --name {plan.name}"
    base = "" if key is None else new_base()
    authentication = (
        [Middleware(RequireKey, key=key, base=base, cookie=page_cookie(plan), remedy=remedy, public=PUBLIC)]
        if key is not None
        else []
    )
    page = Page(plan, kafka, folder, sampler, Decoder(plan.service("schema_registry")), base)

    def refused(request: Request, error: Exception) -> Response:
        status = getattr(error, "status_code", 500)
        return page.shown(
            "refused", status=status, why=getattr(error, "detail", "") or str(error), back=_way_back(request)
        )

    def failed(request: Request, error: Exception) -> Response:
        why = getattr(error, "message", str(error))
        if request.method == "POST":  # Kafka refused or did not respond: what was sent is not sent again
            return page.shown("refused", status=503, why=why, back=_way_back(request))
        kafka.close()  # the next request connects again
        return page.shown("no_kafka", status=503, why=why)

    handlers: dict[Any, Callable[[Request, Exception], Response | Awaitable[Response]]] = {
        HTTPException: refused,
        KafkaFailed: failed,
        ClientDisconnect: lambda _request, _error: Response(status_code=400),  # nobody reads it
        Exception: refused,
    }
    return Starlette(
        routes=[
            Route("/", page.overview),
            Route("/topics", page.make_topic, methods=["POST"]),
            Route("/topics/{name}", page.topic),
            Route("/topics/{name}/records", page.produce, methods=["POST"]),
            Route("/topics/{name}/download", page.download),
            Route("/topics/{name}/delete", page.ask),
            Route("/topics/{name}/delete", page.delete, methods=["POST"]),
            Route("/groups", page.groups),
            Route("/charts", page.charts),
            Route("/metrics", page.metrics),
            Route("/report", page.report),
            Route("/health", lambda _request: PlainTextResponse("ok\n")),
            Route("/assets/{name}", _asset),
        ],
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=HOSTS, www_redirect=False), *authentication],
        exception_handlers=handlers,
    )
