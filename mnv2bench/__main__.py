"""python -m mnv2bench, and the console script."""

import os
import sys

INTERRUPTED = 130


def main() -> None:
    """Run a verb; an interrupt while it is still imported ends without a traceback too."""
    try:
        from mnv2bench.cli import main as run_verb
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_verb()


def _leave_current_folder() -> None:
    """Take the current folder from the import path, where `python -m` puts it first: its random.py is not Python's."""
    if not sys.flags.safe_path and sys.path and os.path.realpath(sys.path[0]) == os.getcwd():  # noqa: PTH109
        del sys.path[0]


if __name__ == "__main__":
    _leave_current_folder()
    main()
