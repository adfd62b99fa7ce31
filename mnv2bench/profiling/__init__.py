"""Profiling: where the time of a case goes, and what the machine can do at most."""
