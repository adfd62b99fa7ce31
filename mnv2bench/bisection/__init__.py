"""Bisection: the first of several releases or commits that is slower or faster, by duels."""
