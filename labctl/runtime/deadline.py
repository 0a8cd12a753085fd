"""timeout(1) for systems without it: `python deadline.py SECONDS COMMAND …`; exit code 124 where the time ran out."""

import os
import signal
import subprocess
import sys


def main() -> int:
    """Run the command in a process group of its own, and end all of that when the time is over."""
    process = subprocess.Popen(sys.argv[2:], start_new_session=True)
    signal.signal(signal.SIGTERM, lambda *_: os.killpg(process.pid, signal.SIGTERM))
    try:
        return process.wait(float(sys.argv[1]))
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return 124


if __name__ == "__main__":
    sys.exit(main())
