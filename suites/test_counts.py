"""Instructions of an inference under qemu: exact, so every process must say the same; no latency is made of them."""

import pytest


@pytest.mark.suite("counts")
def test_counts(case, record):
    found = [counts.net for counts in record.counts]
    assert found, "no process counted anything"
    for same in zip(*found, strict=True):  # the n-th inference of every process
        spread = max(same) / min(same) - 1
        assert spread < 1e-4, f"processes differ by {spread:.1e}: a count that moves is no signal"
