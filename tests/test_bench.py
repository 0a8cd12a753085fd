"""The table of `make bench` shows which goals are missed, and by how much."""

from bench.timing import Case, Measured, table


def measured(name, seconds, memory=(), **options):
    case = Case(name, lambda: None, memory=(lambda: 0) if memory else None, **options)
    return name, Measured(case, list(seconds), [size * 2**20 for size in memory])


def cells(text, name):
    (row,) = [line for line in text.splitlines() if line.startswith(f"| {name} ")]
    return [cell.strip() for cell in row.strip("|").split("|")]


def test_goals_are_compared_with_the_measurements():
    """The ratio is the median of the ratios of each round, not the ratio of the medians."""
    goals = {"ratio": 0.5, "s": 3, "MiB": 350, "s more": -2, "second ratio": 0.6}
    text = table(
        dict(
            [
                measured("plain", [4, 8, 4]),
                measured("ours", [2, 5, 3], [300, 400, 360], peer="plain", second_peer="absent", goals=goals),
            ]
        )
    )
    assert cells(text, "plain")[1:] == ["4.00 s", "4.00", "8.00", "", "", "", ""]
    assert cells(text, "ours")[1:6] == ["3.00 s", "2.00", "5.00", "0.62", "360 MiB"]
    assert cells(text, "ours")[6] == "ratio <= 0.5, s <= 3, MiB <= 350, s more <= -2, second ratio <= 0.6"
    assert cells(text, "ours")[7] == ("ratio missed by 0.125, met, MiB missed by 10, met, second ratio not measured")
