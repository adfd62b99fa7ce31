"""Instructions of an inference under qemu. They are exact: every process must count the same. They are no latency."""

import pytest


@pytest.mark.suite("counts")
def test_counts(case, record):
    processes = [counts.net for counts in record.counts]
    assert processes, "no process counted anything"
    for inference in zip(*processes, strict=True):  # the n-th inference of every process
        spread = max(inference) / min(inference) - 1
        assert spread < 1e-4, f"processes differ by {spread:.1e}: a count that moves is no signal"
