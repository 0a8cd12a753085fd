"""The lab page without a server: what it shows, and whom it refuses."""

import re
from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from labctl.errors import KafkaFailed
from labctl.kafka.client import Group, Record
from labctl.report import write
from labctl.webui.page.app import make_app
from labctl.webui.page.request_parameters import LARGEST_FORM
from labctl.webui.page.view_models import ShownText, shown_record, shown_text
from tests.fakes import FakeKafka, a_plan
from tests.sample_run import RUN

HOME = "http://localhost:8088"
EVIL = b"<script>alert(1)</script>"


class Kafka(FakeKafka):
    """A Kafka with records to look at."""

    leaderless = frozenset()

    def topics(self, names=None):
        self._ask("topics")
        return {
            name: tuple(replace(one, leader=-1) if one.number in self.leaderless else one for one in partitions)
            for name, partitions in super().topics(names).items()
        }

    def offset_ranges(self, partitions):
        asked = {number for numbers in partitions.values() for number in numbers}
        if asked & self.leaderless:
            raise KafkaFailed("LeaderNotAvailableError")
        return {topic: {n: (0, len(self.of(topic, n))) for n in numbers} for topic, numbers in partitions.items()}

    def of(self, topic, number):
        kept = self.records.get(topic, [])
        return [Record(number, at, key, value, 1_700_000_000_000) for at, (key, value) in enumerate(kept)] * (
            number == 0
        )

    def browse(self, topic, ranges, *, offset, limit, view):
        self._ask("browse")
        found = [one for number in ranges for one in self.of(topic, number)]
        chosen = found[-limit:] if offset is None else found[offset : offset + limit]
        return [view(one) for one in chosen], True

    def groups(self):
        return {"readers": Group("classic", "Empty")}

    def committed_offsets(self, _group):
        return {("orders", 0): 1}


@pytest.fixture
def kafka():
    one = Kafka(a_plan("name: lab\n"))
    one.create_topics({"orders": (3, 1, {})})
    one.produce("orders", [(None, b'{"orderid":1}'), (b"key", EVIL), (None, b"\x00\xff")])
    return one


@pytest.fixture
def page(kafka, tmp_path):
    return TestClient(make_app(kafka.plan, kafka, tmp_path), base_url=HOME, raise_server_exceptions=True)


def token(page):
    return re.search(r'name="token" value="([^"]+)"', page.get("/").text)[1]


def sent(page, path, origin=HOME, **fields):
    return page.post(
        path,
        data={"token": token(page)} | fields,
        headers={"Origin": origin} if origin else {},
        follow_redirects=False,
    )


def test_the_overview_has_nodes_addresses_and_topics(page):
    """All that a client needs, and what there is."""
    text = page.get("/").text
    for expected in ("localhost:9094", "broker:9092", "leader", 'href="/topics/orders"', "full ISR"):
        assert expected in text


def test_records_are_shown_as_what_they_are(page):
    """JSON laid out, binary in hexadecimal, markup as text."""
    text = page.get("/topics/orders").text
    assert '<pre class="json">{\n  &#34;orderid&#34;: 1\n}</pre>' in text
    assert '<pre class="binary">00 ff</pre>' in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script>alert" not in text


@pytest.mark.parametrize(
    ("query", "offsets"),
    [("?count=2", ["2", "1"]), ("?from=oldest&count=1", ["0"]), ("?from=offset&offset=1&count=1", ["1"])],
)
def test_a_window_of_the_records(page, query, offsets):
    """The newest, from the beginning, from an offset on."""
    text = page.get(f"/topics/orders{query}").text
    assert re.findall(r'<td class="number">(\d+)</td><td class="time">', text) == offsets


@pytest.mark.parametrize(
    "query", ["from=x", "partition=3", "partition=-1", "offset=x", "count=0", "count=201", f"offset={'9' * 30}"]
)
def test_a_window_that_can_t_be(page, query):
    """400, with what is allowed."""
    answer = page.get(f"/topics/orders?{query}")
    assert answer.status_code == 400
    assert "This is not possible" in answer.text or "That can't be done" in answer.text


@pytest.mark.parametrize(
    "value",
    ['{"a":1.10}', '{"a":1E400}', '{"a":1,"a":2}', '{"a":"\\ud83d"}', '["\\u00e9"]', "[" * 5000, "[" * 400 + "]" * 400],
)
def test_json_is_laid_out_where_that_changes_nothing(value):
    """Else it is shown as it is; one that would become long too."""
    assert shown_text(value.encode()) == ShownText("text", value)


def test_groups_and_their_lag(page):
    """Committed 1 of 3."""
    text = page.get("/groups").text
    for expected in ("readers", "classic group, empty", "2 records behind"):
        assert expected in text


def test_what_was_written_is_told_of_numbers_alone(page):
    """Anything else in the address is left alone."""
    for query in ("written=x", "written=1-", "written=1-2-3", "written=-1-2", f"written=1-{'9' * 30}", "written=<b>"):
        assert "Written" not in page.get(f"/topics/orders?{query}").text


def test_commands_to_copy(page, kafka):
    """Of this lab, and of the topic that is looked at."""
    tool = "labctl exec --name lab broker -- kafka-console-consumer.sh --bootstrap-server broker:9092"
    assert f"{tool} --topic orders --from-beginning<" in page.get("/").text
    kafka.create_topics({"new": (1, 1, {})})
    assert f"{tool} --topic new --from-beginning<" in page.get("/topics/new").text


def test_the_report_leads_back(page, tmp_path):
    """What `up` wrote, and a way back to the page."""
    assert page.get("/report").status_code == 404
    write(RUN, tmp_path)
    text = page.get("/report").text
    assert "local" in text
    assert '<a href="/">' in text


def test_produce_and_create(page, kafka):
    """A record, a topic; back to where they are seen."""
    answer = sent(page, "/topics/orders/records", value="fresh", key="k")
    assert answer.headers["location"] == "/topics/orders?written=0-3"
    text = page.get("/topics/orders?written=0-3").text
    assert "Written: partition 0, offset 3." in text
    assert text.count('class="fresh"') == 1
    assert kafka.records["orders"][-1] == (b"k", b"fresh")
    assert sent(page, "/topics", name="new", partitions="2").status_code == 303
    assert kafka.made["new"][0] == 2
    assert sent(page, "/topics", name="new", partitions="2").status_code == 409


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:9999", "null", "https://localhost:8088", None]
)
def test_another_site_s_form_is_refused(page, kafka, origin):
    """Origin and port; with the right token even."""
    assert sent(page, "/topics", origin=origin, name="new", partitions="1").status_code == 403
    assert "new" not in kafka.made


def test_a_form_without_the_token_is_refused(page, kafka):
    """A page that can send from this origin's name, and does not know it."""
    for fields in ({}, {"token": ""}, {"token": "x" * 32}, {"token": "ä"}):
        answer = page.post("/topics", data={"name": "new", "partitions": "1"} | fields, headers={"Origin": HOME})
        assert answer.status_code == 403
    assert "new" not in kafka.made


@pytest.mark.parametrize("host", ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "[::1]:8088", ""])
def test_another_host_s_name_is_refused(page, host):
    """DNS rebinding: the name of another site that leads to this machine."""
    assert page.get("/", headers={"Host": host}).status_code == 400


def test_malformed_and_oversized_forms(page, kafka):
    """Each a clear refusal, none a crash."""
    headers = {"Origin": HOME, "Content-Type": "application/x-www-form-urlencoded"}
    assert page.post("/topics", content=b"x" * (LARGEST_FORM + 1), headers=headers).status_code == 413
    assert page.post("/topics", content=b"\xff\xfe", headers=headers).status_code == 400
    assert page.post("/topics", content=b"&".join([b"a=1"] * 50), headers=headers).status_code == 400
    assert (
        page.post("/topics", content=b"{}", headers=headers | {"Content-Type": "application/json"}).status_code == 415
    )
    assert sent(page, "/topics", name="n", partitions="1000000").status_code == 400
    assert sent(page, "/topics/orders/records", value="x", partition="7").status_code == 400
    assert sent(page, "/topics/none/records", value="x").status_code == 404
    assert page.get("/topics/none").status_code == 404
    assert page.get("/assets/..%2f..%2fspec.py").status_code == 404
    assert page.get("/nothing").status_code == 404
    assert list(kafka.made) == ["orders"]


def test_nothing_may_be_loaded_from_elsewhere(page):
    """The header of each answer says so; nobody may frame the page."""
    policy = page.get("/").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert not re.findall(r'(?:src|href)="(?!/|#|data:)', page.get("/topics/orders").text)


def test_a_secure_lab_s_page_asks_for_the_key(kafka, tmp_path):
    """It opens to who shows the key once; to nobody else; the key does not stay in the address."""
    locked = TestClient(make_app(kafka.plan, kafka, tmp_path, "the-key"), base_url=HOME, follow_redirects=False)
    for path in (
        "/",
        "/topics/orders",
        "/report",
        "/?key=other",
        "/?key=",
        "/assets",
        f"{HOME}//evil.example/",
    ):
        refused = locked.get(path)
        assert (refused.status_code, "orders" in refused.text) == (403, False), path
        assert "labctl ui --name lab" in refused.text
    assert locked.post("/topics", data={"name": "mine"}, headers={"Origin": HOME}).status_code == 403
    assert locked.get("/health").status_code == 200
    disguised = locked.get("/topics/orders", headers={"Host": "localhost:1/health?"})
    assert disguised.status_code in {400, 403}
    assert locked.get("/", headers={"Cookie": "labctl-8088=the-key"}).status_code == 403
    assert locked.get("/", headers={"Authorization": "Bearer the-key"}).status_code == 200
    opened = locked.get("/topics/orders?key=the-key&from=oldest")
    assert "the-key" not in opened.headers["set-cookie"]
    assert (opened.status_code, opened.headers["location"]) == (303, "/topics/orders")
    assert locked.get(f"{HOME}//evil.example/?key=the-key").headers["location"] == "/evil.example/"
    for word in ("HttpOnly", "SameSite=lax"):
        assert word in opened.headers["set-cookie"]
    assert "orders" in locked.get("/").text


def test_a_kafka_that_is_away_is_said(page, kafka):
    """503 while it is, and back by itself."""
    kafka.refuses["broker_endpoints"] = "nothing listens on 127.0.0.1:9094"
    answer = page.get("/")
    assert answer.status_code == 503
    assert "nothing listens on 127.0.0.1:9094" in answer.text
    assert '<body class="away"' in answer.text
    kafka.refuses.clear()
    assert page.get("/").status_code == 200


def test_a_form_that_kafka_refuses_leads_back_to_its_page(page, kafka):
    """The address that it was sent to can't be looked at; nothing says that it is tried again."""
    kafka.refuses = {"produce": "MessageSizeTooLargeError", "create_topics": "InvalidTopicError"}
    for path, back, why in (
        ("/topics/orders/records", "/topics/orders", "MessageSizeTooLargeError"),
        ("/topics", "/", "InvalidTopicError"),
    ):
        answer = sent(page, path, name="new", partitions="1", value="x")
        assert answer.status_code == 503
        assert f'<p data-why>{why}</p>\n<p><a href="{back}">back</a></p>' in answer.text


def test_new_lines_are_written_as_they_were_typed(page, kafka):
    """Browsers send them as CR and LF."""
    sent(page, "/topics/orders/records", value='{\r\n  "a": 1\r\n}')
    assert kafka.records["orders"][-1][1] == b'{\n  "a": 1\n}'


def test_a_mistake_of_the_page_is_told_in_its_own_words(kafka, tmp_path):
    """With its headers."""
    kafka.broker_endpoints = lambda: 1 / 0
    page = TestClient(make_app(kafka.plan, kafka, tmp_path), base_url=HOME, raise_server_exceptions=False)
    answer = page.get("/")
    assert (answer.status_code, "division by zero" in answer.text) == (500, True)
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_what_was_not_read_in_time_is_said(page, kafka):
    """Not that there is nothing."""
    kafka.browse = lambda *_args, **_options: ([], False)
    text = page.get("/topics/orders").text
    assert "could not be read in time" in text
    assert "No records here" not in text


def test_a_partition_without_a_leader_is_not_asked_for(page, kafka):
    """Its topic and its group are shown, what is not known of them is said."""
    kafka.leaderless = {0}
    assert "ISR not full" in page.get("/").text
    text = page.get("/topics/orders").text
    assert "Without a leader, so not readable now: partition 0" in text
    assert "orderid" not in text
    assert page.get("/topics/orders?partition=0").status_code == 200
    text = page.get("/groups").text
    assert "no leader" in text
    assert "unknown" in text


def test_a_topic_that_is_deleted_meanwhile_is_no_failure(page, kafka):
    """It is not told, and the others are; a Kafka that fails again is told."""
    asked = kafka.offset_ranges
    answers = [KafkaFailed("UnknownTopicOrPartitionError"), asked]

    def offset_ranges(partitions):
        answer = answers.pop(0)
        if isinstance(answer, KafkaFailed):
            raise answer
        return answer(partitions)

    kafka.offset_ranges = offset_ranges
    assert page.get("/").status_code == 200
    answers[:] = [KafkaFailed("no answer"), KafkaFailed("no answer")]
    assert page.get("/").status_code == 503


def test_a_long_value_is_cut():
    """Its length is told; a time that is none is told as it is."""
    shown = shown_text(b"x" * 20_000)
    assert shown.text.endswith("… (10000 more characters)")
    assert shown_text(b"[" * 5000).kind == "text"
    assert shown_record(Record(0, 0, None, b"x", 10**18)).time == f"{10**18} ms"
    assert (shown_text(None).kind, shown_text(b"\x80" * 20_000).kind) == ("null", "binary")
