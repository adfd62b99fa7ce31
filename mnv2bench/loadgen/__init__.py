"""MLPerf's load scenarios with the real LoadGen: one system under test for every CPU backend, and its verdict kept.

What LoadGen says here is unofficial: it is no MLPerf submission.
"""
