"""Verbs of what was measured over many nights: history."""
