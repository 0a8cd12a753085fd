"""The start of the command: `python -m labctl` is `labctl`."""

# these two are loaded when Python starts; -m puts the current folder before all others, where a repository may have
# modules of the names that labctl imports next
import os
import sys


def main() -> None:
    """Run the command, and exit. Until labctl's own handlers are there, Ctrl-C ends it without Python's traceback."""
    import signal

    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:  # else it is ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    _refuse_windows()
    from labctl.cli.main import main as run

    run()


def _refuse_windows() -> None:
    from labctl.errors import HostError
    from labctl.windows import refuse_windows

    try:
        refuse_windows()
    except HostError as error:
        sys.stderr.write(f"labctl: {error.message}\n  try: {error.hint}\n")
        sys.exit(error.exit_code)


def _leave_out_the_current_folder() -> None:
    try:
        here = os.getcwd()  # noqa: PTH109
    except OSError:  # it was removed: nothing can be imported from it
        here = ""
    package = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120
    if os.path.dirname(package) != here:  # noqa: PTH120 - else it is labctl's own source tree
        sys.path[:] = [place for place in sys.path if place not in {"", here}]


if __name__ == "__main__":
    _leave_out_the_current_folder()
    main()
