"""Duels: two environments measured in pairs of fresh processes."""
