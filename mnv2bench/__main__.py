"""python -m mnv2bench, and the console script."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run a verb; an interrupt while it is still imported ends without a traceback too."""
    try:
        from mnv2bench.cli import main as run_verb
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    run_verb()


if __name__ == "__main__":
    main()
