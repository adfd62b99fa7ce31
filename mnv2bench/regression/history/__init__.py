"""The history: nights of saved records as one table, the epochs that people accepted, and the gate's verdicts."""

from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.frame import History, Night, Unread, date_notes, load, nights
from mnv2bench.regression.history.verdicts import Verdict

__all__ = [
    "Epoch", "History", "Night", "Unread", "Verdict", "date_notes", "epochs", "load", "nights", "verdicts",
]  # fmt: skip
