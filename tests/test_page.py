"""The lab page without a server: what it shows, and which requests it rejects."""

import re
import time
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from starlette.testclient import TestClient

from labctl.errors import KafkaFailed
from labctl.kafka.client import Group, Quorum, Record, Voter
from labctl.report import write
from labctl.webui.page.app import make_app
from labctl.webui.page.auth import CODE_SECONDS
from labctl.webui.page.live_kafka import BrokerProbe, Responding
from labctl.webui.page.request_parameters import LARGEST_FORM
from labctl.webui.page.view_models import ShownText, shown_record, shown_text
from tests.fakes import FakeKafka, a_plan
from tests.sample_run import RUN

HOME = "http://localhost:8088"
EVIL = b"<script>alert(1)</script>"


class Kafka(FakeKafka):
    """A Kafka whose records can be browsed."""

    leaderless = frozenset()
    frozen = frozenset()

    def probe(self):
        """As LiveKafka does."""
        return {node.id: BrokerProbe("", 0.0015) for node in self.plan.brokers}

    def connected(self, _probes):
        return self.look()

    def look(self):
        brokers, client = frozenset(node.id for node in self.plan.brokers), cast("Any", self)
        return Responding(brokers - self.frozen, client, client)

    def topics(self, names=None):
        self._require("topics")
        return {
            name: tuple(
                replace(partition, leader=-1) if partition.number in self.leaderless else partition
                for partition in partitions
            )
            for name, partitions in super().topics(names).items()
        }

    def offset_ranges(self, partitions):
        requested = {number for numbers in partitions.values() for number in numbers}
        if requested & self.leaderless:
            raise KafkaFailed("LeaderNotAvailableError")
        return {
            topic: {n: (0, len(self.records_of(topic, n))) for n in numbers} for topic, numbers in partitions.items()
        }

    def records_of(self, topic, number):
        kept = self.records.get(topic, [])
        return [Record(number, offset, key, value, 1_700_000_000_000) for offset, (key, value) in enumerate(kept)] * (
            number == 0
        )

    def browse(self, topic, ranges, *, offset, limit, view):
        self._require("browse")
        found = [
            record
            for number, (first, end) in ranges.items()
            for record in self.records_of(topic, number)
            if first <= record.offset < end
        ]
        chosen = found[-limit:] if offset is None else found[offset : offset + limit]
        return [view(record) for record in chosen], True

    def offsets_at(self, topic, partitions, timestamp):
        found = {
            number: [each for each in self.records_of(topic, number) if each.timestamp >= timestamp]
            for number in partitions
        }
        return {number: records[0].offset if records else None for number, records in found.items()}

    def delete_records(self, topic, before):
        self.deleted = topic, before

    def groups(self, brokers=None):
        return {"readers": Group("classic", "Empty")} if 1 in brokers else {}

    def committed_offsets(self, _group):
        return {("orders", 0): 1}


def app_of(kafka, folder, key=None, samples=()):
    """Return the page of a Kafka, with the samples that its sampler has taken."""
    sampler = SimpleNamespace(samples=lambda: list(samples), newest=lambda: samples[-1])
    return make_app(kafka.plan, kafka, folder, cast("Any", sampler), key)


@pytest.fixture
def kafka():
    kafka = Kafka(a_plan("name: lab\n"))
    kafka.create_topics({"orders": (3, 1, {})})
    kafka.produce("orders", [(None, b'{"orderid":1}'), (b"key", EVIL), (None, b"\x00\xff")])
    return kafka


@pytest.fixture
def page(kafka, tmp_path):
    return TestClient(app_of(kafka, tmp_path), base_url=HOME, raise_server_exceptions=True)


def token(page):
    return re.search(r'name="token" value="([^"]+)"', page.get("/").text)[1]


def post_form(page, path, origin=HOME, **fields):
    return page.post(
        path,
        data={"token": token(page)} | fields,
        headers={"Origin": origin} if origin else {},
        follow_redirects=False,
    )


def test_the_overview_has_nodes_addresses_and_topics(page):
    """It shows the nodes, the topics and all that a client needs to connect."""
    text = page.get("/").text
    for expected in ("localhost:9094", "broker:9092", "leader", 'href="/topics/orders"', "full ISR"):
        assert expected in text


def test_records_are_shown_by_their_type(page):
    """JSON is laid out, binary data is hexadecimal, markup is text."""
    text = page.get("/topics/orders").text
    assert '<pre class="json">{\n  &#34;orderid&#34;: 1\n}</pre>' in text
    assert '<pre class="binary">00 ff</pre>' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("query", "offsets"),
    [("?count=2", ["2", "1"]), ("?from=oldest&count=1", ["0"]), ("?from=offset&offset=1&count=1", ["1"])],
)
def test_a_range_of_the_records(page, query, offsets):
    """The newest records, the oldest, or those from an offset on."""
    text = page.get(f"/topics/orders{query}").text
    assert re.findall(r'<td class="number">(\d+)</td><td class="time">', text) == offsets


@pytest.mark.parametrize(
    "query", ["from=x", "partition=3", "partition=-1", "offset=x", "count=0", "count=201", f"offset={'9' * 30}"]
)
def test_an_invalid_range_of_records(page, query):
    """The response is 400, with the accepted values."""
    response = page.get(f"/topics/orders?{query}")
    assert response.status_code == 400
    assert "This is not possible" in response.text or "That can't be done" in response.text


@pytest.mark.parametrize(
    "value",
    ['{"a":1.10}', '{"a":1E400}', '{"a":1,"a":2}', '{"a":"\\ud83d"}', '["\\u00e9"]', "[" * 5000, "[" * 400 + "]" * 400],
)
def test_json_is_laid_out_where_that_changes_nothing(value):
    """Otherwise the value is shown unchanged, also where the layout would be too long."""
    assert shown_text(value.encode()) == ShownText("text", value)


def test_groups_and_their_lag(page):
    """The group has committed 1 of 3 records."""
    text = page.get("/groups").text
    for expected in ("readers", "classic group, empty", "2 records behind"):
        assert expected in text


def test_only_valid_positions_are_shown_as_written(page):
    """Any other value in the address is ignored."""
    for query in ("written=x", "written=1-", "written=1-2-3", "written=-1-2", f"written=1-{'9' * 30}", "written=<b>"):
        assert "Written" not in page.get(f"/topics/orders?{query}").text


def test_commands_to_copy(page, kafka):
    """The commands name this lab and the topic that is shown."""
    tool = "labctl exec --name lab broker -- kafka-console-consumer.sh --bootstrap-server broker:9092"
    assert f"{tool} --topic orders --from-beginning<" in page.get("/").text
    kafka.create_topics({"new": (1, 1, {})})
    assert f"{tool} --topic new --from-beginning<" in page.get("/topics/new").text


def test_the_report_links_back(page, tmp_path):
    """It is the report that `up` wrote, with a link to the overview."""
    assert page.get("/report").status_code == 404
    write(RUN, tmp_path)
    text = page.get("/report").text
    assert "local" in text
    assert '<a href="/">' in text


def test_produce_and_create(page, kafka):
    """The forms write a record and create a topic, and redirect to the page that shows it."""
    response = post_form(page, "/topics/orders/records", value="fresh", key="k")
    assert response.headers["location"] == "/topics/orders?written=0-3"
    text = page.get("/topics/orders?written=0-3").text
    assert "Written: partition 0, offset 3." in text
    assert text.count('class="fresh"') == 1
    assert kafka.records["orders"][-1] == (b"k", b"fresh")
    assert post_form(page, "/topics", name="new", partitions="2").status_code == 303
    assert kafka.created_topics["new"][0] == 2
    assert post_form(page, "/topics", name="new", partitions="2").status_code == 409


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:9999", "null", "https://localhost:8088", None]
)
def test_another_site_s_form_is_refused(page, kafka, origin):
    """Scheme, host and port must be the page's own, even with the right token."""
    assert post_form(page, "/topics", origin=origin, name="new", partitions="1").status_code == 403
    assert "new" not in kafka.created_topics


def test_a_form_without_the_token_is_refused(page, kafka):
    """An empty, wrong or missing token is 403."""
    for fields in ({}, {"token": ""}, {"token": "x" * 32}, {"token": "ä"}):
        response = page.post("/topics", data={"name": "new", "partitions": "1"} | fields, headers={"Origin": HOME})
        assert response.status_code == 403
    assert "new" not in kafka.created_topics


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::1]:8088", ""])
def test_another_host_s_name_is_refused(page, host):
    """DNS rebinding: another site's name may resolve to this machine."""
    assert page.get("/", headers={"Host": host}).status_code == 400


def test_malformed_and_oversized_forms(page, kafka):
    """Each is rejected with its status; none causes an exception."""
    headers = {"Origin": HOME, "Content-Type": "application/x-www-form-urlencoded"}
    assert page.post("/topics", content=b"x" * (LARGEST_FORM + 1), headers=headers).status_code == 413
    assert page.post("/topics", content=b"\xff\xfe", headers=headers).status_code == 400
    assert page.post("/topics", content=b"&".join([b"a=1"] * 50), headers=headers).status_code == 400
    assert (
        page.post("/topics", content=b"{}", headers=headers | {"Content-Type": "application/json"}).status_code == 415
    )
    assert post_form(page, "/topics", name="n", partitions="1000000").status_code == 400
    assert post_form(page, "/topics/orders/records", value="x", partition="7").status_code == 400
    assert post_form(page, "/topics/none/records", value="x").status_code == 404
    assert page.get("/topics/none").status_code == 404
    assert page.get("/assets/..%2f..%2fspec.py").status_code == 404
    assert page.get("/nothing").status_code == 404
    assert list(kafka.created_topics) == ["orders"]


def test_nothing_may_be_loaded_from_elsewhere(page):
    """The header of each response forbids it; no site may show the page in a frame."""
    policy = page.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="(?!/|#|data:)', page.get("/topics/orders").text)


def test_a_secure_lab_s_page_requires_the_key(kafka, tmp_path):
    """Nothing of the lab is shown without the key or a browser's cookie, whatever a request looks like."""
    secured = TestClient(app_of(kafka, tmp_path, "the-key"), base_url=HOME, follow_redirects=False)
    for path in (
        "/",
        "/topics/orders",
        "/report",
        "/charts",
        "/metrics",
        "/?key=the-key",
        "/open?code=the-key",
        "/code",
        "/assets",
        f"{HOME}//evil.example/",
    ):
        refused = secured.get(path)
        assert (refused.status_code, "orders" in refused.text) == (403, False), path
        assert "labctl ui --name lab" in refused.text
    assert secured.post("/topics", data={"name": "mine"}, headers={"Origin": HOME}).status_code == 403
    for method, path in (
        ("GET", "/assets/nothing"),
        ("POST", "/health"),
        ("POST", "/assets/page.js"),
        ("GET", "/health/"),
    ):
        refused = secured.request(method, path)
        assert (refused.status_code, "href" in refused.text) == (403, False), path  # each page has the secret base
    assert secured.get("/assets/page.js").status_code == 200
    assert secured.get("/health").status_code == 200
    disguised = secured.get("/topics/orders", headers={"Host": "localhost:1/health?"})
    assert disguised.status_code in {400, 403}
    assert secured.get("/", headers={"Cookie": "labctl-8088=the-key"}).status_code == 403
    assert secured.get("/", headers={"Authorization": "Bearer the-key"}).status_code == 200
    for wrong in (b"", b"code=", b"code=the-key", b"code=%ff", b"x" * 2000):
        assert secured.post("/open", content=wrong).status_code == 403
    assert secured.post("/code", headers={"Authorization": "Bearer other"}).status_code == 403


def test_a_code_opens_the_page_of_a_secure_lab_once(kafka, tmp_path):
    """A browser gets a cookie for it, which it sends only below addresses that it knows from this page."""
    secured = TestClient(app_of(kafka, tmp_path, "the-key"), base_url=HOME, follow_redirects=False)

    def new_code():
        response = secured.post("/code", headers={"Authorization": "Bearer the-key"})
        assert response.headers["cache-control"] == "no-store"
        return response.text

    first, second = new_code(), new_code()
    opened = secured.post("/open", data={"code": first})
    home = opened.headers["location"]
    cookie = opened.headers["set-cookie"]
    assert (opened.status_code, opened.headers["cache-control"]) == (303, "no-store")
    assert re.fullmatch(r"/[\w-]{16}/", home)
    assert {"HttpOnly", "SameSite=lax", f"Path={home.rstrip('/')}"} <= set(cookie.split("; "))
    assert "the-key" not in f"{home}{cookie}"
    overview = secured.get(home)
    assert overview.status_code == 200
    assert set(re.findall(r'(?:href|action)="(/[^"]*)', overview.text)) >= {f"{home}topics/orders", f"{home}topics"}
    assert secured.get("/").status_code == 403
    assert secured.post("/open", data={"code": first}).status_code == 403
    form = {"token": re.search(r'name="token" value="([^"]+)"', overview.text)[1], "value": "written"}
    written = secured.post(f"{home}topics/orders/records", data=form, headers={"Origin": HOME})
    assert written.headers["location"] == f"{home}topics/orders?written=0-3"

    secured.cookies.clear()
    assert secured.get(home).status_code == 403
    assert secured.post("/open", data={"code": second}).status_code == 303


def test_a_code_that_is_too_old_does_not_open_the_page(kafka, tmp_path, monkeypatch):
    """After a minute, and where twenty newer codes were requested."""
    secured = TestClient(app_of(kafka, tmp_path, "the-key"), base_url=HOME, follow_redirects=False)
    codes = [secured.post("/code", headers={"Authorization": "Bearer the-key"}).text for _ in range(21)]
    assert secured.post("/open", data={"code": codes[0]}).status_code == 403
    assert secured.post("/open", data={"code": codes[1]}).status_code == 303
    now = time.monotonic()
    monkeypatch.setattr("labctl.webui.page.auth.time.monotonic", lambda: now + CODE_SECONDS)
    assert secured.post("/open", data={"code": codes[2]}).status_code == 403


def test_a_kafka_that_does_not_respond_is_503(page, kafka):
    """Afterwards the page works again."""
    kafka.refuses["broker_endpoints"] = "nothing listens on 127.0.0.1:9094"
    response = page.get("/")
    assert response.status_code == 503
    assert "nothing listens on 127.0.0.1:9094" in response.text
    assert '<body class="away"' in response.text
    kafka.refuses.clear()
    assert page.get("/").status_code == 200


def test_a_form_that_kafka_refuses_leads_back_to_its_page(page, kafka):
    """The form's own address can't be opened, so the page links back and does not try again."""
    kafka.refuses = {"produce": "MessageSizeTooLargeError", "create_topics": "InvalidTopicError"}
    for path, back, why in (
        ("/topics/orders/records", "/topics/orders", "MessageSizeTooLargeError"),
        ("/topics", "/", "InvalidTopicError"),
    ):
        response = post_form(page, path, name="new", partitions="1", value="x")
        assert response.status_code == 503
        assert f'<p data-why>{why}</p>\n<p><a href="{back}">back</a></p>' in response.text


def test_new_lines_are_written_as_they_were_typed(page, kafka):
    """Browsers send CR and LF; the record has LF."""
    post_form(page, "/topics/orders/records", value='{\r\n  "a": 1\r\n}')
    assert kafka.records["orders"][-1][1] == b'{\n  "a": 1\n}'


def test_a_defect_of_the_page_is_500(kafka, tmp_path):
    """The page shows the exception, with its usual headers."""
    kafka.broker_endpoints = lambda: 1 / 0
    page = TestClient(app_of(kafka, tmp_path), base_url=HOME, raise_server_exceptions=False)
    response = page.get("/")
    assert (response.status_code, "division by zero" in response.text) == (500, True)
    assert "default-src 'none'" in response.headers["content-security-policy"]


def test_records_that_were_not_read_in_time_are_reported(page, kafka):
    """The page does not claim that there are none."""
    kafka.browse = lambda *_args, **_options: ([], False)
    text = page.get("/topics/orders").text
    assert "could not be read in time" in text
    assert "No records here" not in text


def test_a_partition_without_a_leader_is_not_read(page, kafka):
    """Its topic and its group are shown, with what is unknown about them."""
    kafka.leaderless = {0}
    assert "1 of 3 without a leader" in page.get("/").text
    text = page.get("/topics/orders").text
    assert "Without a leader that responds, so not readable now: partition 0" in text
    assert "orderid" not in text
    assert page.get("/topics/orders?partition=0").status_code == 200
    text = page.get("/groups").text
    assert "no leader" in text
    assert "unknown" in text


@pytest.fixture
def cluster(tmp_path):
    """Return a Kafka of three brokers with isolated controllers, and its page."""
    kafka: Any = Kafka(a_plan("name: lab\nkafka: {brokers: 3, controllers: 3, quorum: dynamic}\n"))
    kafka.create_topics({"orders": (3, 3, {})})
    return kafka, TestClient(app_of(kafka, tmp_path), base_url=HOME)


def rows(page):
    """Return the cells of the table of nodes."""
    body = page.get("/").text.split('id="node-rows"')[1].split("</tbody>")[0]
    cells = [re.findall(r"<td[^>]*>(.*?)</td>", row, re.DOTALL) for row in body.split("<tr>")[1:]]
    return {row[0]: [re.sub("<[^>]+>", "", cell).strip() for cell in row[3:]] for row in cells}


def test_a_broker_that_is_frozen_does_not_stop_the_page(cluster):
    """Nobody asks it; Kafka still has it as registered, and leader of partitions that can't be read."""
    kafka, page = cluster
    kafka.frozen = {1}
    assert rows(page)["broker-1"] == ["", "does not respond"]
    assert rows(page)["broker-2"] == ["", "responds"]
    assert "<dd>2 of 3</dd>" in page.get("/").text
    text = page.get("/topics/orders").text
    assert "Without a leader that responds, so not readable now: partition 0, 1, 2" in text
    text = page.get("/groups").text
    assert "readers" not in text
    assert "Not shown: the groups of broker 1, which does not respond." in text


def test_a_broker_that_kafka_has_fenced(cluster):
    """It responds, and no client is sent to it."""
    kafka, page = cluster
    kafka.absent = {2}
    assert rows(page)["broker-2"] == ["", "responds, but is fenced"]


def test_voters_and_observers(cluster):
    """A controller that follows the quorum without a vote is an observer; one that nobody knows has no part."""
    kafka, page = cluster
    first, second, _third = (voter.id for voter in kafka.plan.voters)
    kafka.quorum = lambda: Quorum(first, (Voter(first, 0, True),), (Voter(second, 7, False), Voter(1, 0, True)))
    parts = {name: cells[0] for name, cells in rows(page).items()}
    assert [parts[f"controller-{number}"] for number in (1, 2, 3)] == [
        "leader",
        "observer, 7 records behind",
        "none",
    ]
    assert parts["broker-1"] == ""


def test_a_quorum_that_nobody_reports(cluster):
    """The rest of the page is there, and says why."""
    kafka, page = cluster
    kafka.refuses["quorum"] = "metadata quorum: RequestTimedOutError"
    assert rows(page)["controller-1"] == ["not known", ""]
    text = page.get("/").text
    assert "<dt>quorum leader</dt><dd>not known</dd>" in text
    assert "The quorum is not known: no broker reports the quorum in time." in text


def test_a_topic_that_is_deleted_meanwhile_is_no_failure(page, kafka):
    """It is left out, and the others are shown; a second failure is 503."""
    results = [KafkaFailed("UnknownTopicOrPartitionError"), kafka.offset_ranges]

    def offset_ranges(partitions):
        result = results.pop(0)
        if isinstance(result, KafkaFailed):
            raise result
        return result(partitions)

    kafka.offset_ranges = offset_ranges
    assert page.get("/").status_code == 200
    results[:] = [KafkaFailed("no answer"), KafkaFailed("no answer")]
    assert page.get("/").status_code == 503


def test_a_long_value_is_cut():
    """Its length is shown; a timestamp outside the calendar is shown as a number."""
    shown = shown_text(b"x" * 20_000)
    assert shown.text.endswith("… (10000 more characters)")
    assert shown_text(b"[" * 5000).kind == "text"
    assert shown_record(Record(0, 0, None, b"x", 10**18), lambda _raw: None).time == f"{10**18} ms"
    assert (shown_text(None).kind, shown_text(b"\x80" * 20_000).kind) == ("null", "binary")


def test_a_thousand_topics_are_shown_a_hundred_at_a_time(page, kafka):
    """Offsets are asked for the topics that are shown; the tiles count all."""
    asked = []
    ranges = kafka.offset_ranges

    def counted(partitions):
        asked.append(len(partitions))
        return ranges(partitions)

    kafka.offset_ranges = counted
    kafka.create_topics({f"t-{number:04}": (2, 1, {}) for number in range(999)})
    first, last = page.get("/").text, page.get("/?page=999").text
    assert asked == [100, 100]
    assert "1 to 100 of 1,000" in first
    assert "901 to 1,000 of 1,000" in last
    assert re.findall(r'href="/topics/([^"]+)"', first)[0] == "orders"
    assert re.findall(r'href="/topics/([^"]+)"', last)[-1] == "t-0998"
    assert 'href="/?page=2"' in first
    assert "<dt>partitions</dt><dd>2,001</dd>" in first
    assert page.get("/?page=0").status_code == 400


# -- filters, times, downloads, deletions ----------------------------------

ORDERS = [
    (b"c1", b'{"orderid": 1001, "customer": {"name": "Ada"}}'),
    (b"c2", b'{"orderid": 1002, "customer": {"name": "Bob"}}'),
    (None, b"hello, Ada"),
]


@pytest.fixture
def orders(kafka):
    """A topic with three records."""
    kafka.create_topics({"shop": (1, 1, {})})
    kafka.produce("shop", ORDERS)
    return kafka


@pytest.mark.parametrize(
    ("find", "offsets"),
    [
        ("find=ADA&in=any", ["2", "0"]),
        ("find=c2&in=key", ["1"]),
        ("find=Ada&in=key", []),
        ("find=$.orderid = 1002&in=path", ["1"]),
        ("find=customer.name = Ada&in=path", ["0"]),
        ("find=$.orderid&in=path", ["1", "0"]),
        ("find=$[?@.orderid == 1001]&in=path", []),
        ("find=$.customer[?@ == 'Ada']&in=path", ["0"]),
        ("find=ada&in=value&from=oldest", ["0", "2"]),
        ("find=ada&in=value&from=offset&offset=1", ["2"]),
    ],
)
def test_records_are_filtered(page, orders, find, offsets):
    """By text in the key or value, in any case, or by a path in JSON; the newest first."""
    text = page.get(f"/topics/shop?{find}").text
    assert re.findall(r'<tr><td class="number">0</td><td class="number">(\d+)</td><td class="time">', text) == offsets
    assert f"{len(offsets)} found, all records examined" in text
    assert 'id="record-rows" data-live' not in text


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("find=$[&in=path", "a JSON path (RFC 9535) is like"),
        ("find=$[?search(@, 'a')]&in=path", "regular expressions"),
        ("from=time&time=1960-01-01", "not before 1970"),
        ("find=x&in=header", "in is any, key, value, path"),
        ("from=time&time=noon", "a time is like 2026-11-28 12:00, in UTC, and not before 1970"),
        ("from=yesterday", "from is newest, oldest, offset, time"),
    ],
)
def test_a_wrong_query_is_explained(page, orders, query, why):
    """With what is expected."""
    response = page.get(f"/topics/shop?{query}")
    assert (response.status_code, why in response.text) == (400, True)


def test_records_from_a_time_on(page, orders):
    """A time after the last record shows none."""
    assert 'class="number">2</td>' in page.get("/topics/shop?from=time&time=2023-11-14 22:13:20").text
    assert "No records here." in page.get("/topics/shop?from=time&time=2023-11-14T22:13:21%2B00:00").text


def test_what_is_shown_can_be_downloaded(page, orders):
    """As JSON Lines, which `labctl load` reads."""
    response = page.get("/topics/shop/download?find=c1&in=key")
    assert response.headers["content-disposition"] == 'attachment; filename="shop.jsonl"'
    assert response.text == (
        '{"key":"c1","value":"{\\"orderid\\": 1001, \\"customer\\": {\\"name\\": \\"Ada\\"}}",'
        '"timestamp":1700000000000,"partition":0}\n'
    )
    assert page.get("/topics/none/download").status_code == 404


def test_a_topic_is_deleted_after_a_question(page, orders):
    """A link only asks; the form that it shows deletes. Kafka's own topics stay."""
    asked = page.get("/topics/shop/delete?what=topic").text
    assert "Delete the topic shop?" in asked
    assert "shop" in orders.created_topics
    sent = post_form(page, "/topics/shop/delete", what="records")
    assert (sent.status_code, orders.deleted) == (303, ("shop", {0: 3}))
    sent = post_form(page, "/topics/shop/delete", what="topic")
    assert (sent.status_code, "shop" in orders.created_topics) == (303, False)
    orders.create_topics({"__consumer_offsets": (1, 1, {})})
    refused = post_form(page, "/topics/__consumer_offsets/delete", what="topic")
    assert (refused.status_code, "__consumer_offsets" in orders.created_topics) == (403, True)
    assert page.get("/topics/shop/delete?what=lab").status_code in {400, 404}
