"""Throughput: batches on all cores."""

import pytest


@pytest.mark.suite("throughput")
def test_throughput(case, replay):
    replay()
