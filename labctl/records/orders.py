"""Realistic orders of a shop, without an end: customers that come back, in the words of mimesis."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime

from labctl.records.record import RecordData

CUSTOMERS = 500
PRODUCTS = 100
MOST_ITEMS = 4  # in one order
MOST_PIECES = 5  # of one item


def orders(seed: int | None = None) -> Iterator[RecordData]:
    """Yield orders as JSON, with the customer as the key: a few customers order much more often than others.

    `orderid` and `amount` are those of the homework. The same `seed` gives the same orders, apart from their time.
    """
    from mimesis import Address, Food, Person

    chance = random.Random(seed)  # noqa: S311 - nothing here is secret
    person, address, food = Person(seed=seed), Address(seed=seed), Food(seed=seed)
    customers = [
        {"customer": f"C{number:04}", "name": person.full_name(), "city": address.city()}
        for number in range(1, CUSTOMERS + 1)
    ]
    shares = [1 / number for number in range(1, CUSTOMERS + 1)]  # Zipf's law
    names = sorted({food.dish() for _ in range(PRODUCTS)})
    prices = {name: chance.randint(199, 4999) for name in names}  # cents
    number = 1000
    while True:
        for customer in chance.choices(customers, shares, k=100):
            number += 1
            bought = {
                name: chance.randint(1, MOST_PIECES) for name in chance.sample(names, chance.randint(1, MOST_ITEMS))
            }
            order = {
                "orderid": number,
                **customer,
                "items": [
                    {"product": name, "pieces": count, "price": prices[name] / 100} for name, count in bought.items()
                ],
                "amount": sum(prices[name] * count for name, count in bought.items()) / 100,
                "ordered_at": _now(),
            }
            yield RecordData(_compact(order).encode(), customer["customer"].encode())


_compact = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
