"""Resident memory of the processes that the latency suite measured; nothing is measured twice."""

import pytest

from mnv2bench.case import Kind


@pytest.mark.suite("latency")
def test_memory(case, record):
    if record.external_results:
        pytest.skip(f"{record.external_results[0].tool} reports no memory that compares with ours")
    for samples in record.samples:
        memory = samples.memory
        assert memory is not None, "resident memory is read from /proc/self/status, which this system does not have"
        if case.kind == Kind.MEASURED_HERE:
            assert memory.interpreter < memory.floor
        # a runner on another device has no interpreter, so the first two may be equal
        assert memory.interpreter <= memory.floor < memory.loaded <= memory.peak
        assert memory.peak - memory.floor > record.artifact.bytes, "a session holds at least what it has read"
