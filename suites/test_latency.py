"""Batch 1: one thread, and all cores."""

import pytest


@pytest.mark.suite("latency")
def test_latency(case, replay):
    replay()
