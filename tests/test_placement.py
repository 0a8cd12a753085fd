"""Which node of a swarm runs which node of a lab."""

import pytest

from labctl.plan.model import Place
from labctl.plan.placement import SwarmNode, majority_on_one, nodes_needed, place

BOTH = ("broker", "controller")
COMBINED = {f"broker-{number}": BOTH for number in (1, 2, 3)}
ISOLATED = {
    **{f"broker-{number}": ("broker",) for number in (1, 2, 3)},
    **{f"controller-{number}": ("controller",) for number in (1, 2, 3)},
}


def swarm(names, racks=(), **more):
    racks = racks or [""] * len(names)
    return [SwarmNode(Place(name, name, "", rack=rack), **more) for name, rack in zip(names, racks, strict=True)]


def where(members, nodes, placed=None):
    return "".join(found.name for found in place(members, nodes, placed or {}).values())


@pytest.mark.parametrize(
    ("members", "nodes", "placed"),
    [
        (COMBINED, "abc", "abc"),
        (COMBINED, "abcd", "abc"),
        (COMBINED, "ab", "aba"),
        (COMBINED, "a", "aaa"),
        (ISOLATED, "abc", "abcabc"),
        (ISOLATED, "abcdef", "abcdef"),
        (ISOLATED, "abcd", "abcdab"),
        (ISOLATED, "ab", "ababab"),
    ],
)
def test_nodes_of_the_same_role_are_spread(members, nodes, placed):
    """Two voters share a node only where there are more voters than nodes."""
    assert where(members, swarm(nodes)) == placed


def test_racks_come_in_turn():
    """The second broker is in another rack than the first, though the next node is in the same."""
    assert where(COMBINED, swarm("abcd", racks=("r1", "r1", "r2", "r2"))) == "acb"


def test_a_label_says_what_a_node_may_run():
    """Controllers have nodes of their own."""
    nodes = [*swarm("abc", roles=("broker",)), *swarm("xyz", roles=("controller",))]
    assert where(ISOLATED, nodes) == "abcxyz"
    with pytest.raises(ValueError, match="broker-1"):
        place(COMBINED, nodes, {})


def test_what_is_placed_stays():
    """An added controller goes where the fewest are; the others stay, also on a node that is not in the list."""
    nodes = swarm("abc")
    placed = place(ISOLATED, swarm("xbc"), {})
    more = {**ISOLATED, "controller-4": ("controller",)}
    assert where(more, nodes, placed) == "xbcxbca"


@pytest.mark.parametrize(("voters", "needed"), [(1, 1), (2, 2), (3, 3), (4, 4), (5, 3)])
def test_how_many_nodes_voters_need(voters, needed):
    """The loss of one leaves a majority; two voters never survive a loss, and are on two nodes."""
    assert nodes_needed(voters) == needed


def test_a_node_with_the_majority():
    """It is named with its voters; five voters on three nodes have none."""
    voters = list(COMBINED)
    assert list(majority_on_one(place(COMBINED, swarm("abc"), {}), voters)) == []
    ((node, names),) = majority_on_one(place(COMBINED, swarm("ab"), {}), voters)
    assert (node.name, names) == ("a", ["broker-1", "broker-3"])
    five = {f"broker-{number}": BOTH for number in range(1, 6)}
    assert list(majority_on_one(place(five, swarm("abc"), {}), list(five))) == []
    assert list(majority_on_one(place({"broker": BOTH}, swarm("a"), {}), ["broker"])) == []
