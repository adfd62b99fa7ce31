"""Regression: did a case get slower? History, screening, pairs, gate, duel, comparison of two files."""
