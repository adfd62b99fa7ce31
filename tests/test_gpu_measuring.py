"""The passes of a GPU's round, on a host and a device whose clocks only the work moves: every number is exact."""

import pytest

from mnv2bench.backends import Session
from mnv2bench.records import Plan, replace
from mnv2bench.records.rounds import GpuState, Round, undisturbed_rounds
from mnv2bench.workers.gpu_passes import cooled, end_to_end, enqueue, events, in_flight, time_passes
from mnv2bench.workers.loop import measure, time_round
from mnv2bench.workers.noise import Counters

US = 1000
QUIET = GpuState(1980, 2619, 45, (), 0)
PLAN = Plan(rounds=2, round_s=600e-6, warmup_s=0.0, warmup_runs=1)  # five calls of 120 us a round


class Mark:
    def __init__(self, device):
        self.device = device
        self.record()

    def record(self):
        self.at = max(self.device.now, self.device.done)

    def wait(self):
        self.device.now = max(self.device.now, self.at)

    def ns_since(self, earlier):
        return self.at - earlier.at


class Device(Session):
    """A session and its queue. A call takes the host 20 us, then the device 100; a copy 30, emptying its L2 50."""

    def __init__(self, enqueue_us=20, gpu_us=100):
        self.enqueue_ns, self.gpu_ns = enqueue_us * US, gpu_us * US
        self.now, self.done = 5_000_000, 0
        self.ends, self.deepest, self.said = [], 0, []
        self.queue = self

    def clock_ns(self):
        return self.now

    def run(self):
        self.enqueue()
        self.synchronize()

    def work(self, ns):
        self.done = max(self.now, self.done) + ns

    def enqueue(self):
        self.said.append("call")
        self.now += self.enqueue_ns
        self.work(self.gpu_ns)
        self.ends.append(self.done)
        self.deepest = max(self.deepest, sum(end > self.now for end in self.ends))

    def synchronize(self):
        self.now = max(self.now, self.done)

    def mark(self):
        return Mark(self)

    def copy_in(self):
        self.work(30 * US)

    def copy_out(self):
        self.work(30 * US)

    def cool_l2(self):
        self.said.append("cool")
        self.work(50 * US)

    def read(self, first):
        """A machine whose hypervisor takes one part of 400, and that tells nothing of a cgroup."""
        return Counters(self.now, self.now // 200, self.now // 400, None, 0, 0)


class Watch:
    """NVML for a simulated device: 300 W, and the given states, the last one for ever."""

    def __init__(self, device, *states):
        self.device, self.states, self.busy = device, list(states) or [QUIET], []

    def energy_mj(self):
        return self.device.now * 300 // 1_000_000

    def state(self):
        self.busy.append(self.device.done > self.device.now)
        return self.states.pop(0) if len(self.states) > 1 else self.states[0]


def us(durations_ns):
    return [ns / US for ns in durations_ns]


def test_a_round_has_every_pass_beside_the_hosts_own_clock():
    device = Device()
    wall = time_round(device, 600e-6, device.read)
    assert us(wall.durations_ns) == [120] * 5
    passes = time_passes(device, PLAN, wall, device.read, Watch(device))
    assert us(passes.enqueue_ns) == [20] * 5
    assert us(passes.end_to_end_ns) == [30 + 100 + 30] * 5
    assert us(passes.gpu_ns) == [100] * 5
    assert (passes.in_flight_calls, passes.in_flight_ns) == (8, (20 + 8 * 100) * US)
    assert passes.wall_ns == (5 * 120 + 5 * 160 + (120 + 5 * 100) + 820) * US
    assert (passes.run_queue_ns, passes.steal_ns, passes.throttled_ns) == (14_200, 7_100, None)
    assert passes.state == QUIET


def test_an_enqueue_is_timed_on_an_empty_queue_and_never_waits_for_the_call_before():
    device = Device(20, 100)
    assert us(enqueue(device, device.clock_ns, 3)) == [20, 20, 20]
    assert device.deepest == 1


def test_a_host_slower_than_its_device_sets_the_pace_of_the_devices_own_times():
    assert us(events(Device(150, 100), 4)) == [150] * 4
    assert us(events(Device(50, 100), 4)) == [100] * 4


def test_end_to_end_holds_both_copies_and_one_call_at_a_time():
    device = Device()
    assert us(end_to_end(device, device.clock_ns, 3, None)) == [160] * 3
    assert device.deepest == 1


@pytest.mark.parametrize(
    ("depth", "calls", "total_us"), [(1, 5, 5 * 120), (2, 5, 20 + 5 * 100), (8, 5, 520), (8, 100, 20 + 100 * 100)]
)
def test_no_more_calls_are_in_flight_than_the_plan_says(depth, calls, total_us):
    device = Device()
    assert in_flight(device, device.clock_ns, calls, depth, None) == (total_us * US, None)
    assert device.deepest == min(depth, calls)
    assert device.said == ["call"] * calls


def test_energy_is_what_the_counter_moved_while_calls_were_in_flight():
    device = Device()
    assert in_flight(device, device.clock_ns, 1000, 8, Watch(device)) == (100_020 * US, 30_006)
    silent = Watch(device)
    silent.energy_mj = lambda: None
    assert in_flight(device, device.clock_ns, 8, 8, silent) == (820 * US, None)


def test_the_state_is_read_while_calls_are_in_flight_that_no_pass_times():
    device = Device()
    watch = Watch(device)
    passes = time_passes(device, PLAN, Round((120 * US,), 120 * US, 0), device.read, watch)
    assert watch.busy == [True]
    assert device.done - 820 * US == 5_000_000 + passes.wall_ns


@pytest.mark.parametrize(
    ("wall_us", "calls", "in_flight_calls"), [(120, 5, 8), (0.1, 256, 6000), (600, 1, 8), (60_000, 1, 8)]
)
def test_a_pass_has_as_many_calls_as_the_rounds_time_holds_within_limits(wall_us, calls, in_flight_calls):
    device = Device()
    passes = time_passes(device, PLAN, Round((int(wall_us * US),), 60_000 * US, 0), device.read)
    assert [len(p) for p in (passes.gpu_ns, passes.enqueue_ns, passes.end_to_end_ns)] == [calls] * 3
    assert passes.in_flight_calls == in_flight_calls
    assert (passes.state, passes.energy_mj) == (None, None)


def test_a_cold_l2_is_empty_before_every_call_of_wall_end_to_end_and_gpu_and_never_timed():
    device, plan = Device(), replace(PLAN, cold_l2=True)
    cool = cooled(device, plan)
    wall = time_round(device, 600e-6, device.read, cool)
    assert us(wall.durations_ns) == [120] * 4
    assert wall.wall_ns == (4 * 170) * US
    assert device.said == ["cool", "call"] * 4
    device.said.clear()
    passes = time_passes(device, plan, Round((120 * US,), 120 * US, 0), device.read)
    warm, cold = ["call"] * 5, ["cool", "call"] * 5
    assert device.said == [*warm, *cold, "call", *cold, *["call"] * 8]
    assert (us(passes.enqueue_ns), us(passes.end_to_end_ns), us(passes.gpu_ns)) == ([20] * 5, [160] * 5, [100] * 5)
    assert passes.in_flight_ns == 820 * US


def test_the_l2_is_left_hot_unless_the_plan_says_so_and_where_there_is_none():
    host = Device()
    assert cooled(host, PLAN) is None
    host.queue = None
    assert cooled(host, replace(PLAN, cold_l2=True)) is None


def test_a_device_without_a_queue_has_no_passes():
    host = Device()
    host.queue = None
    with pytest.raises(ValueError, match="without a queue"):
        time_passes(host, PLAN, Round((120 * US,), 120 * US, 0), host.read)


def test_every_measured_round_has_its_passes_and_the_warm_up_ends_with_them_once():
    device = Device()
    warmup, rounds = measure(device, PLAN, 1, device.read, Watch(device))
    assert [round.gpu is not None for round in warmup] == [False, False, False, True]
    assert [us(round.durations_ns) for round in rounds] == [[120] * 5] * 2
    assert [us(round.gpu.gpu_ns) for round in rounds] == [[100] * 5] * 2
    assert [round.gpu.energy_mj for round in rounds] == [246, 246]


@pytest.mark.parametrize(
    ("noise", "sign"),
    [
        (GpuState(1410, 2619, 85, ("sw power cap",), 0), "sw power cap"),
        (GpuState(1410, 2619, 90, ("hw thermal slowdown", "idle"), 0), "hw thermal slowdown"),
        (GpuState(1980, 2619, 45, (), 1), "shared gpu"),
    ],
)
def test_a_round_on_a_gpu_that_slowed_down_or_is_shared_stays_in_the_file_and_another_is_run(noise, sign):
    device = Device()
    _, rounds = measure(device, PLAN, 1, device.read, Watch(device, QUIET, QUIET, noise, QUIET))
    assert [round.contention(1, 1.0) for round in rounds] == [(), (sign,), ()]
    assert undisturbed_rounds(rounds, 1) == (rounds[0], rounds[2])


def test_a_gpu_that_never_comes_to_rest_is_retried_at_most_twice_over():
    device = Device()
    shared = GpuState(1980, 2619, 45, (), 3)
    _, rounds = measure(device, PLAN, 1, device.read, Watch(device, shared))
    assert len(rounds) == 4
    assert undisturbed_rounds(rounds, 1) == ()


def test_reasons_that_say_nothing_of_noise_and_what_nobody_tells_leave_a_round_alone():
    for state in (GpuState(reasons=("idle", "application clocks", "sync boost")), GpuState()):
        assert state.noise == ()
