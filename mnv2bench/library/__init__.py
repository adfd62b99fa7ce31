"""The interface for scripts and notebooks: choose cases, measure them, load what was saved, and ask for the answer."""
