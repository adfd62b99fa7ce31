"""What was measured over many nights, what people accepted of it, and what the gate said."""

from mnv2bench.regression.history import epochs, verdicts
from mnv2bench.regression.history.epochs import Epoch
from mnv2bench.regression.history.frame import History, Night, load, nights
from mnv2bench.regression.history.verdicts import Verdict

__all__ = ["Epoch", "History", "Night", "Verdict", "epochs", "load", "nights", "verdicts"]
