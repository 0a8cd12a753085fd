"""One check on a running lab, with something done to the lab in the middle of it."""

import contextlib
from dataclasses import replace
from typing import cast

from labctl.checks import CHECKS, run_checks
from labctl.kafka.client import KafkaClient
from labctl.lab.check_contexts import lab_context
from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore

SHORT = 5  # seconds for a check that is to fail by waiting in vain


class InterferingClient:
    """The lab's client, but somebody with Kafka's own tools comes first: `actions` are {verb: what they do}."""

    def __init__(self, client, **actions):
        self._client = client
        self._actions = actions

    def __getattr__(self, verb):
        real = getattr(self._client, verb)
        if verb not in self._actions:
            return real

        def interfering(*arguments, **options):
            self._actions[verb](*arguments, **options)
            return real(*arguments, **options)

        return interfering


@contextlib.contextmanager
def check_runner(name):
    """Runs one check on the lab called `name`, with what is to be done before some verbs of its client."""
    lab = open_lab(name, LabStore(), NullReporter())
    with KafkaClient(lab.plan.bootstrap) as client:

        def one_check(check, seconds=30, **actions):
            context = lab_context(lab, client, seconds)
            target = replace(context.target, client=cast("KafkaClient", InterferingClient(client, **actions)))
            (result,) = run_checks(replace(context, target=target), [CHECKS[check]])
            return result

        yield one_check
