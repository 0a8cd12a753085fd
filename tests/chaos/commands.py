"""The commands that are attacked, as a person types them."""

from dataclasses import dataclass

RUN = "chaos-run"  # the lab of `labctl run`


@dataclass(frozen=True, slots=True)
class Line:
    """A command line. `weight` is how often it is chosen; `changes`: `up` must work right after it."""

    text: str
    weight: int = 1
    changes: bool = False
    restarts: bool = False  # stop the lab first, so that `up` has something to do

    @property
    def command(self) -> str:
        """Its first word."""
        return self.text.split()[0]


KEEPING = (  # the lab's records stay, so a writer and a reader may go on
    Line("up", 3, changes=True),
    Line("up --checks none", 3, changes=True, restarts=True),
    Line("up --json", 3, changes=True, restarts=True),
    Line("stop", 2, changes=True),
    Line("check", 3),
    Line("check topics quorum", 1),
    Line(f"run --preset homework --name {RUN} --ports auto --checks none -- true", 2, changes=True),
    Line("gc", 1, changes=True),
    Line("status --json", 1),
    Line("ls", 1),
    Line("logs", 1),
    Line("env", 1),
    Line("exec {node} -- ls", 1),
    Line("exec {broker} -- kafka-topics.sh --version", 1),
    Line("evidence --force -o made-evidence", 2),
    Line("notebook --run --force -o made.ipynb", 2),
    Line("example python -o made-example", 1),
    Line("init made.yaml", 1),
    Line("report --format json", 1),
    Line("ui", 1),
    Line("plan", 1),
    Line("render -o made-files", 1),
    Line("doctor", 1),
    Line("cache ls", 1),
    Line("schema", 1),
    Line("lint compose.yaml", 1),
)
REPLICATED = (Line("check replication", 4, changes=True),)  # where there are three brokers
IN_DOCKER = (Line("image build --tag labctl/chaos:1", 1),)
EMPTYING = (  # the lab's records go
    Line("reset", 4, changes=True),
    Line("down", 4, changes=True),
    Line("down --all", 1, changes=True),
    Line("gc --older-than 1m", 1, changes=True),
)
# without `up` and `run`: in another folder they would create other labs
QUIET = tuple(line for line in KEEPING if not line.changes and "notebook" not in line.text and "check" not in line.text)


def lines(preset: str, runtime: str, *, emptying: bool) -> list[Line]:
    """Return what is attacked in a lab."""
    found = [*KEEPING, *(IN_DOCKER if runtime == "compose" else ())]
    found += REPLICATED if preset in {"cluster", "isolated"} else ()
    return [*found, *EMPTYING] if emptying else found
