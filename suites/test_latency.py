"""Latency: batch 1 on one thread, and on all cores."""

import pytest


@pytest.mark.suite("latency")
def test_latency(case, replay):
    replay()
