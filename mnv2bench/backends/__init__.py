"""Backend interface: `open(case, path)` returns a Session with `put`, `run` and `get`.

A backend is one module, in this folder or anywhere with an entry point in the group `mnv2bench.backends`. It declares
what it is in the constant `RUNTIME`, and `open` gives a Session. Streams are several Sessions in one process, of
`open_streams` where a backend has it. Nothing in a backend times, prints or catches.
"""

from mnv2bench.backends.interface.registry import (
    ENTRY_POINTS,
    Backend,
    backend,
    fix_command,
    is_known,
    missing_instructions,
    names,
    open_streams,
    require,
    require_supported,
    runtime,
)
from mnv2bench.backends.interface.runtime import HERE, Runtime
from mnv2bench.backends.interface.session import Images, Mark, Queue, Session

__all__ = [
    "ENTRY_POINTS",
    "HERE",
    "Backend",
    "Images",
    "Mark",
    "Queue",
    "Runtime",
    "Session",
    "backend",
    "fix_command",
    "is_known",
    "missing_instructions",
    "names",
    "open_streams",
    "require",
    "require_supported",
    "runtime",
]
