"""Readers of what the runtimes' own profilers write."""
