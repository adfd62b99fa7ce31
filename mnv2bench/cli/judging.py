"""Verbs that judge: gate, duel."""
