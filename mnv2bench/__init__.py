"""mnv2bench: verified MobileNetV2 latency, throughput and memory on every runtime, beside the paper's multiply-adds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnv2bench.case import Case
    from mnv2bench.library.choice import cases
    from mnv2bench.library.measuring import run
    from mnv2bench.library.results import Results, load
    from mnv2bench.records import Plan, Record

MODULES = {
    "Case": "case",
    "Plan": "records",
    "Record": "records",
    "Results": "library.results",
    "cases": "library.choice",
    "load": "library.results",
    "run": "library.measuring",
}
__all__ = ["Case", "Plan", "Record", "Results", "cases", "load", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use, so that `import mnv2bench` stays light."""
    if name not in MODULES:
        raise AttributeError(f"module 'mnv2bench' has no attribute {name!r}")
    return getattr(import_module(f"mnv2bench.{MODULES[name]}"), name)


def __dir__() -> list[str]:
    """The public names, also those that nobody used yet, so that a notebook completes them."""
    return sorted({*globals(), *__all__})
