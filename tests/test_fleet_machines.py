"""The verbs that set a fleet up, as processes on loopback: machines join, are killed, lose their scheduler, and end."""

import pytest
from fleet_double import Programs

from mnv2bench.fleet import key
from mnv2bench.fleet.connection import address, connected

pytestmark = pytest.mark.slow


@pytest.fixture
def programs(tmp_path):
    with Programs(tmp_path) as programs:
        yield programs


def test_a_killed_worker_is_started_again_once_and_a_second_death_ends_the_machine(programs):
    scheduler, place = programs.serve()
    machine = programs.join("pi", place.replace("tls://", "tcp://"))
    scheduler.line(r"^pi has joined from tls://127\.0\.0\.1:\d+: 1 in the fleet$")
    twin, other = programs.join("pi", place), programs.join("mac", place)
    assert twin.ended() == 2
    assert twin.lines == [
        f"mnv2bench: pi is in the fleet of {place} already: give this machine another --name; if it was cut off, wait "
        "for 11 s"
    ]
    machine.worker().kill()
    scheduler.line(r"^pi has gone")
    scheduler.line(r"^pi has joined")
    machine.worker().kill()
    assert machine.ended() == 1
    assert machine.lines[-1] == (
        "the worker of pi was killed twice within an hour: dmesg says whether memory was short"
    )
    other.line("^mac has joined")
    worker = other.worker()
    assert other.interrupt() == 130
    assert not worker.is_running()
    assert scheduler.interrupt() == 130
    assert "Traceback" not in "\n".join(scheduler.lines + machine.lines + other.lines)


def test_a_machine_joins_the_scheduler_that_follows_a_killed_one_and_ends_when_none_follows(programs):
    scheduler, place = programs.serve()
    machine = programs.join("pi", place, "--give-up", "8s")
    machine.line("^pi has joined")
    scheduler.kill()
    machine.line("^the scheduler .* is gone: waiting 8 s for it$")
    scheduler, again = programs.serve(place.removeprefix("tls://"))
    assert again == place
    machine.line("^pi has joined")
    with connected(address("--scheduler", place), key.read(programs.key)) as client:
        client.shutdown()
    assert scheduler.ended() == 0
    assert machine.ended() == 0
    assert machine.lines[-1] == f"the scheduler {place} did not come back: this machine has left the fleet"
    assert "Traceback" not in "\n".join(scheduler.lines + machine.lines)
