"""Verbs of two files and of a person's word: compare, accept."""
