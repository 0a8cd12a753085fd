"""`python -m labctl` is `labctl`."""

# these two are loaded when Python starts; -m puts the current folder before all others, where a repository may have
# modules of the names that labctl imports next
import os
import sys

try:
    _HERE = os.getcwd()  # noqa: PTH109
except OSError:  # it was removed: nothing can be imported from it
    _HERE = ""
_PACKAGE = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
if os.path.dirname(_PACKAGE) != _HERE:  # noqa: PTH120 - else it is labctl's own source tree
    sys.path[:] = [place for place in sys.path if place not in {"", _HERE}]

from labctl.cli.main import main  # noqa: E402

main()
