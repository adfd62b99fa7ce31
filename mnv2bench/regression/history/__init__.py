"""The history: nights of saved records as one table, the epochs that people accepted, and the gate's verdicts."""

from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import Continuation, Epoch
from mnv2bench.regression.history.frame import History, Night, Unread, date_notes, load, nights
from mnv2bench.regression.history.lineage import Lineage, lineage
from mnv2bench.regression.history.verdicts import Verdict

__all__ = [
    "Continuation", "Epoch", "History", "Lineage", "Night", "Unread", "Verdict", "date_notes", "epochs", "lineage",
    "load", "nights", "verdicts",
]  # fmt: skip
