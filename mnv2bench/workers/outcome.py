"""How a child process ends: whatever happens in it becomes one small JSON file."""

import ctypes
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mnv2bench.refusals import Unavailable, Unsupported, Wrong
from mnv2bench.texts import one_line

PR_SET_PDEATHSIG = 1


def _end_with(parent: int) -> None:
    """Ask Linux to kill this process when its campaign dies, so that a resumed one does not measure beside it."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before it could be asked
        os._exit(1)


def outcome(main: Callable[[dict[str, Any]], dict[str, Any]], job: dict[str, Any]) -> None:
    """Run `main(job)` and write how it ended, atomically, to the file that the job names.

    `main` returns `measured`, and with it `status` and `reason` where it is not "ok".
    """
    _end_with(job["parent"])
    ended: dict[str, Any] = {"status": "ok", "reason": "", "measured": {}}
    try:
        ended |= main(job)
    except Unavailable as error:
        ended |= {"status": "unavailable", "reason": one_line(str(error))}
    except Unsupported as error:
        ended |= {"status": "unsupported", "reason": one_line(str(error))}
    except Wrong as error:
        ended |= {"status": "wrong", "reason": one_line(str(error))}
    except Exception as error:
        ended |= {"status": "failed", "reason": one_line(f"{type(error).__name__}: {error}")}
    target = Path(job["outcome"])
    partial = target.with_suffix(".tmp")
    partial.write_text(json.dumps(ended, allow_nan=False))
    partial.replace(target)
    sys.stdout.flush()
    os._exit(0)  # some runtimes crash while the interpreter takes them down; the result is already on disk
