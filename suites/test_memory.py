"""Resident memory of each latency case's clean worker, from the same processes; nothing is measured twice."""

import pytest


@pytest.mark.suite("latency")
def test_memory(case, record):
    for samples in record.samples:
        memory = samples.memory
        assert memory is not None, "resident memory is read from /proc/self/status, which this system does not have"
        assert memory.interpreter < memory.floor < memory.loaded <= memory.peak
        assert memory.peak - memory.floor > record.artifact.bytes, "a session holds at least what it has read"
