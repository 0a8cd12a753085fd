"""Traffic: the orders, the latencies, the output."""

import json
from collections import Counter
from itertools import islice

from labctl.cli.traffic_output import traffic_document, traffic_text
from labctl.kafka.librdkafka.paced import Traffic
from labctl.records.orders import orders


def test_orders_are_those_of_a_shop():
    """The key is the customer; ids count on; the amount is that of the items; some customers come back often."""
    found = [(record.key, json.loads(record.value or b"")) for record in islice(orders(seed=7), 300)]
    assert [order["orderid"] for _key, order in found] == list(range(1001, 1301))
    for key, order in found:
        assert key.decode() == order["customer"]
        cents = sum(round(item["price"] * 100) * item["pieces"] for item in order["items"])
        assert round(order["amount"] * 100) == cents
        assert {"name", "city", "ordered_at"} < order.keys()
    often = Counter(key for key, _order in found).most_common(1)[0][1]
    assert often > 10


def test_the_same_seed_gives_the_same_orders():
    """Apart from their time."""

    def first(seed):
        made = [json.loads(record.value or b"") for record in islice(orders(seed), 20)]
        return [{key: value for key, value in order.items() if key != "ordered_at"} for order in made]

    assert first(1) == first(1) != first(2)


def test_latencies_are_quantiles():
    """Of the acknowledged records; without any there is none."""
    traffic = Traffic(sent=101, failed=1, seconds=2.0, latencies=Counter({10: 98, 50: 1, 2000: 1}))
    assert (traffic.acknowledged, traffic.rate) == (100, 50.0)
    assert [traffic.latency(share) for share in (0.5, 0.99, 1.0)] == [0.001, 0.005, 0.2]
    assert Traffic().latency(0.5) is None
    assert traffic_text("t", traffic) == (
        "100 records to t in 2.0 s, 50.0 a second; acknowledged after 1.0 ms (median), 5.0 ms (99%), 200.0 ms (longest)"
        "; not written: 1"
    )
    assert traffic_document("t", traffic)["latency"] == {"median": 0.001, "p99": 0.005, "max": 0.2}
    assert traffic_text("t", Traffic()) == "0 records to t in 0.0 s, 0.0 a second"
