"""What a fleet survives, in network namespaces: no process that was measured is lost, and none is there twice."""

import time

import pytest
from fleet_faults import fleet
from network_double import why_no_namespaces

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(bool(why_no_namespaces()), reason=why_no_namespaces()),
]


def test_a_cut_cable_and_a_killed_worker_lose_nothing(tmp_path):
    with fleet(tmp_path) as running:
        running.measure("--processes", "1")
        running.wait_for_processes(1)
        running.look()
        running.network.cut("one")
        running.machines["two"].worker().kill()
        running.machines["one"].line("is gone: waiting 10 min for it")
        time.sleep(1)
        running.network.mend("one")
        running.machines["one"].line("one has joined")
        outcome = running.outcome()
    assert (outcome.lost, outcome.repeated, outcome.measured, outcome.codes) == (0, 0, 4, (0,))
