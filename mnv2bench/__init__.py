"""mnv2bench: verified MobileNetV2 latency, throughput and memory on every runtime, beside the paper's multiply-adds."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mnv2bench.campaign import Campaign, run
    from mnv2bench.cases import Case, grid
    from mnv2bench.records import Plan, Record
    from mnv2bench.records.journal import Journal, load

MODULES = {
    "Campaign": "campaign",
    "run": "campaign",
    "Case": "cases",
    "grid": "cases",
    "Journal": "records.journal",
    "load": "records.journal",
    "Plan": "records",
    "Record": "records",
}
__all__ = ["Campaign", "Case", "Journal", "Plan", "Record", "grid", "load", "run"]


def __getattr__(name: str) -> Any:
    """Import a public name from its module at its first use, so that `import mnv2bench` stays light."""
    if name not in MODULES:
        raise AttributeError(f"module 'mnv2bench' has no attribute {name!r}")
    return getattr(import_module(f"mnv2bench.{MODULES[name]}"), name)
