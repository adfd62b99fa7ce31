"""The history: nights of saved records as one table, the epochs that people accepted, and the gate's verdicts."""

from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.frame import History, Night, load, nights
from mnv2bench.regression.history.verdicts import Verdict

__all__ = ["Epoch", "History", "Night", "Verdict", "epochs", "load", "nights", "verdicts"]
