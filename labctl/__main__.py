"""`python -m labctl` is `labctl`."""

import sys
from pathlib import Path

# -m puts the current folder before all others: a module of a repository there is not one that labctl imports
_HERE = Path.cwd()
if not (_HERE / "labctl" / "__main__.py").exists() or not Path(__file__).samefile(_HERE / "labctl" / "__main__.py"):
    sys.path[:] = [place for place in sys.path if place not in {"", str(_HERE)}]

from labctl.cli.main import main  # noqa: E402

main()
