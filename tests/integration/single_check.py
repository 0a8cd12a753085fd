"""Run one check on a running lab, and change the lab in the middle of it."""

import contextlib
from dataclasses import replace
from typing import cast

from labctl.checks import CHECKS, run_checks
from labctl.kafka.client import KafkaClient
from labctl.lab.check_contexts import lab_context
from labctl.lab.existing import open_lab
from labctl.lab.reporter import NullReporter
from labctl.state.store import LabStore
from labctl.system.waiting import Deadline

SHORT = 5  # seconds for a check that times out


class InterferingClient:
    """The lab's client. Before a method runs, the action for its name in `actions` runs with the same arguments."""

    def __init__(self, client, **actions):
        self._client = client
        self._actions = actions

    def __getattr__(self, method):
        real = getattr(self._client, method)
        if method not in self._actions:
            return real

        def interfering(*arguments, **options):
            self._actions[method](*arguments, **options)
            return real(*arguments, **options)

        return interfering


@contextlib.contextmanager
def check_runner(name):
    """Yield a function that runs one check on the lab `name`, with actions to run before methods of its client."""
    lab = open_lab(name, LabStore(), NullReporter())
    with KafkaClient(lab.plan.bootstrap) as client:

        def run_one(check, seconds=30, **actions):
            context = lab_context(lab, client, Deadline.after(seconds))
            target = replace(context.target, client=cast("KafkaClient", InterferingClient(client, **actions)))
            (result,) = run_checks(replace(context, target=target), [CHECKS[check]])
            return result

        yield run_one
