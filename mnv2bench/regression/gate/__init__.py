"""The nightly gate: a night of saved records -> its verdicts."""
