"""Images that can't be pulled any more, or that nobody maintains."""

from __future__ import annotations

from collections.abc import Iterator

from labctl.lint.compose.interpolation import shown
from labctl.lint.images import WURSTMEISTER, split_image
from labctl.lint.migration import to_apache
from labctl.lint.rule import Match, Setup, rule


@rule(
    "KAFKA-IMAGE-WITHDRAWN",
    "error",
    wrong="""
        services:
          broker:
            image: bitnami/kafka:3.9.0
            environment: !override {}
    """,
    right="""
        services:
          broker:
            image: apache/kafka:4.4.0
    """,
)
def image_withdrawn(setup: Setup) -> Iterator[Match]:
    """The image can no longer be pulled.

    Bitnami removed its versioned images from Docker Hub on 29 September 2025. They are in the archive `bitnamilegacy`,
    where they get no updates.
    """
    for service in setup.stack:
        repository, tag = split_image(service.image)
        if repository in {"bitnami/kafka", "bitnami/zookeeper"} and not service.built:
            archive = repository.replace("bitnami", "bitnamilegacy")
            yield Match(
                service.image_place,
                f"{shown(service.image)} was withdrawn from Docker Hub in 2025",
                "use apache/kafka (labctl lint --fix translates the names of the variables), or for a while "
                f"{archive}:{shown(tag)}, which gets no updates",
                to_apache(setup, setup.node(service.name), service),
            )


@rule(
    "KAFKA-IMAGE-UNMAINTAINED",
    "warning",
    wrong="""
        services:
          broker:
            image: bitnamilegacy/kafka:3.9.0
            environment: !override {}
    """,
    right="""
        services:
          broker:
            image: apache/kafka:4.4.0
    """,
)
def image_unmaintained(setup: Setup) -> Iterator[Match]:
    """The image gets no updates any more.

    `bitnamilegacy` is an archive since August 2025. wurstmeister/kafka ended with Kafka 2.8.1 in 2022.
    """
    for node in setup.nodes:
        repository, _tag = split_image(node.service.image)
        if repository == "bitnamilegacy/kafka" or node.image is WURSTMEISTER:
            yield Match(
                node.service.image_place,
                f"{repository} gets no updates any more",
                "use apache/kafka; labctl lint --fix translates the names of the variables",
                to_apache(setup, node),
            )
