"""Resident memory of each latency case's clean worker, from the same processes; nothing is measured twice."""

import pytest

from mnv2bench.cases import Kind

HERE = Kind.MEASURED_HERE


@pytest.mark.suite("latency")
def test_memory(case, record):
    if record.external_results:
        pytest.skip(f"{record.external_results[0].tool} was not asked for its memory in a way that is ours")
    for samples in record.samples:
        memory = samples.memory
        assert memory is not None, "resident memory is read from /proc/self/status, which this system does not have"
        if case.kind == HERE:
            assert memory.interpreter < memory.floor
        assert (
            memory.interpreter <= memory.floor < memory.loaded <= memory.peak
        )  # a runner elsewhere has no interpreter
        assert memory.peak - memory.floor > record.artifact.bytes, "a session holds at least what it has read"
