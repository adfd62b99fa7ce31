"""Several streams in one process: their threads, their rounds on simulated clocks, their images and their refusals."""

import itertools
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mnv2bench import Case, Plan, backends
from mnv2bench.artifacts import batch_seeds
from mnv2bench.backends import Session
from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.durations import process_time
from mnv2bench.campaign.preparation import prepare
from mnv2bench.case import cases, of_network
from mnv2bench.library.measuring import run as library_run
from mnv2bench.machine import cores
from mnv2bench.profiling.extras import Profiling
from mnv2bench.records import Process, Samples, default_weights
from mnv2bench.records.consistency import require_consistent
from mnv2bench.records.encoding import process_from_json, process_to_json
from mnv2bench.records.journal import Journal, load
from mnv2bench.records.rounds import Round, undisturbed_rounds
from mnv2bench.refusals import Unsupported, Wrong
from mnv2bench.selection import select, selected_cases, suite_cases
from mnv2bench.shipping.program import template_name
from mnv2bench.statistics.rounds import threads_used, throughput
from mnv2bench.workers.loop import measure, time_round, warm_up
from mnv2bench.workers.noise import Counters
from mnv2bench.workers.opening import open_streams_check_measure, time_streams
from mnv2bench.workers.rotation import Rotation, of_stream, timed
from mnv2bench.workers.streams import Streams, alone

MS = 1_000_000
FAKE = Case(width=0.35, resolution=96, backend="fake", streams=2)
BRIEF = Plan(processes=1, rounds=2, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)


class Simulated(Session):
    """Each run takes so many milliseconds of a clock of its own; it keeps which threads used it."""

    def __init__(self, milliseconds):
        self.step_ns, self.now_ns, self.threads = milliseconds * MS, 5_000 * MS, []

    def clock_ns(self):
        return self.now_ns

    def prepare_thread(self):
        self.threads.append(f"prepare {threading.current_thread().name}")

    def run(self):
        self.threads.append(threading.current_thread().name)
        self.now_ns += self.step_ns


def counted(*cpu_ms):
    """Counters that move by so many milliseconds of CPU time in each round."""
    total = itertools.accumulate(itertools.chain.from_iterable((0, ms * MS) for ms in cpu_ms))
    return lambda first: Counters(next(total), 0, 0, 0, 0, 0)


# rounds


def test_a_round_of_two_streams_has_the_calls_of_the_first_and_then_those_of_the_second():
    with Streams([Simulated(10), Simulated(15)]) as streams:
        round = time_round(streams, 0.045, counted(95))
    assert round.durations_ns == (10 * MS,) * 5 + (15 * MS,) * 3
    assert round.stream_calls == (5, 3)
    assert round.calls_of_streams == ((10 * MS,) * 5, (15 * MS,) * 3)
    assert (round.streams, round.wall_ns, round.cpu_share) == (2, 50 * MS, 1.9)


def test_the_wall_time_is_from_the_first_begin_to_the_last_end():
    early, late = Simulated(10), Simulated(10)
    late.now_ns += 3 * MS
    with Streams([early, late]) as streams:
        assert time_round(streams, 0.02, counted(40)).wall_ns == 23 * MS


def test_a_session_that_is_alone_is_used_by_the_thread_that_opened_it_and_its_rounds_say_nothing_of_streams():
    session = Simulated(10)
    with alone(session) as streams:
        round = time_round(streams, 0.02, counted(20))
    assert set(session.threads) == {threading.current_thread().name}
    assert (round.streams, round.calls_of_streams) == (1, ((10 * MS, 10 * MS),))
    assert round == time_round(Simulated(10), 0.02, counted(20))


def test_each_of_several_sessions_has_a_thread_of_its_own_which_is_prepared_once():
    first, second = Simulated(10), Simulated(10)
    with Streams([first, second]) as streams:
        for _ in range(2):
            time_round(streams, 0.02, counted(40))
            streams.in_turn(lambda number, session: session.run())
    (one,), (other,) = (set(session.threads[1:]) for session in (first, second))
    assert one != other
    assert (first.threads[0], second.threads[0]) == (f"prepare {one}", f"prepare {other}")


class Meeting(Simulated):
    """Its call ends only where that of another session runs at the same time."""

    def __init__(self, place):
        super().__init__(10)
        self.place = place

    def run(self):
        self.place.wait(timeout=30)
        super().run()


def test_the_streams_of_a_round_run_at_the_same_time():
    place = threading.Barrier(2)
    with Streams([Meeting(place), Meeting(place)]) as streams:
        assert time_round(streams, 0.03, counted(60)).stream_calls == (3, 3)


def test_an_error_of_one_stream_ends_the_round_and_closes_all_sessions():
    class Failing(Simulated):
        closed = False

        def run(self):
            raise RuntimeError("no more")

        def close(self):
            self.closed = True

    sessions = [Failing(10), Failing(10)]
    with pytest.raises(RuntimeError, match="no more"), Streams(sessions) as streams:
        time_round(streams, 0.03, counted(60))
    assert [session.closed for session in sessions] == [True, True]


def test_the_warm_up_goes_on_until_the_slowest_stream_had_enough_calls():
    plan = Plan(round_s=0.01, warmup_s=0.0, warmup_runs=5, warmup_cap_s=0.0)
    with Streams([Simulated(1), Simulated(10)]) as streams:
        rounds = warm_up(streams, plan, counted(*[20] * 9))
    assert [round.stream_calls for round in rounds] == [(10, 1)] * 5


def test_a_round_is_undisturbed_by_the_threads_of_all_streams_together():
    plan = Plan(rounds=3, round_s=0.02, warmup_s=0.0, warmup_runs=1, warmup_cap_rounds=1)
    with Streams([Simulated(10), Simulated(10)]) as streams:
        _, rounds = measure(streams, plan, 2, counted(40, 40, 30, 40, 40))
    assert [round.cpu_share for round in rounds] == [2.0, 1.5, 2.0, 2.0]
    assert len(undisturbed_rounds(rounds, 2)) == 3


# images and outputs


class Echo(Session):
    """Its logits are its images."""

    def put(self, images):
        self.images = images

    def run(self):
        self.logits = self.images

    def get(self):
        return self.logits


def test_no_two_of_six_streams_hold_the_same_images_and_all_have_the_same_ten():
    seeds = batch_seeds(5)
    orders = [of_stream(seeds, stream) for stream in range(6)]
    assert orders[0] == seeds
    assert {frozenset(order) for order in orders} == {frozenset(range(1, 11))}
    assert all(len({order[timed(span, 10)] for order in orders}) == 6 for span in range(9))
    assert [order[:2] for order in orders[:3]] == [(1, 2), (2, 1), (1, 2)]


def test_each_stream_is_checked_on_its_own_images_and_its_logits_come_one_stream_after_the_other():
    def measured(streams):
        rotations = [
            Rotation(session, lambda number, stream=stream: np.float32([100 * stream + number]), 6)
            for stream, session in enumerate(streams.sessions)
        ]
        return time_streams(streams, BRIEF, 2, rotations)

    opening = open_streams_check_measure(
        lambda: lambda: [Echo(), Echo()],
        batch=lambda stream, number: np.float32([100 * stream + number]),
        check=lambda stream, outputs: (stream, [float(each[0]) for each in outputs]),
        measure=measured,
        interpreter_bytes=1,
    )
    assert opening.checked == [(0, [0.0, 1.0]), (1, [100.0, 101.0])]
    logits = [float(each[0]) for each in opening.measured.logits]
    half = len(logits) // 2
    assert logits[half:] == [100 + value for value in logits[:half]]
    assert logits[:2] == [2.0, 3.0]
    assert opening.memory.first


def ended(tmp_path, monkeypatch, mode="", case=FAKE):
    if mode:
        monkeypatch.setenv("MNV2BENCH_FAKE", f"{case.variant}={mode}")
    (record,) = run(Campaign((case,), Journal(tmp_path / "a.jsonl"), BRIEF, accuracy=False))
    return record


def test_a_case_of_two_streams_is_measured_and_reads_again(tmp_path, monkeypatch):
    record = ended(tmp_path, monkeypatch)
    assert (record.status, record.reason) == ("ok", "")
    (samples,) = record.samples
    assert {round.streams for round in (*samples.warmup, *samples.rounds)} == {2}
    assert samples.checks.batches == 2 * (2 + 1 + len(samples.rounds) + 2)
    assert throughput(record) > 0 < threads_used(record)
    (again,) = load(tmp_path / "a.jsonl")
    assert again == record


def test_streams_that_return_the_logits_of_each_other_are_wrong_and_one_alone_is_right(tmp_path, monkeypatch):
    record = ended(tmp_path, monkeypatch, "mixes streams")
    assert record.status == "wrong"
    assert record.reason.startswith("outputs were right before anything was timed, and not while it was: ")
    assert record.reason.endswith(
        "they are those of other images: it stopped computing, or returns the result of another call"
    )
    assert ended(tmp_path, monkeypatch, "mixes streams", Case(width=0.35, resolution=96, backend="fake")).status == "ok"


# files


def process_of(round, case=FAKE):
    return Process(case, 0, 0, 0, "ok", "", 9.0, Samples(rounds=(round,)))


def test_a_round_of_streams_stands_in_a_file_with_how_many_calls_each_had():
    round = Round((5, 5, 7), 10, 20, stream_calls=(2, 1))
    fields = process_to_json(process_of(round))
    assert fields["samples"]["rounds"][0]["stream_calls"] == (2, 1)
    assert process_from_json(fields, 7).samples.rounds == (round,)
    single = process_to_json(process_of(Round((5, 5), 10, 20), Case(backend="fake")))
    assert "stream_calls" not in single["samples"]["rounds"][0]


@pytest.mark.parametrize(
    ("round", "case", "damage"),
    [
        (Round((5, 5, 7), 10, 20, stream_calls=(2, 2)), FAKE, "a round with another number of calls than its streams"),
        (Round((5, 6, 7), 10, 20, stream_calls=(2, 1)), FAKE, "a round longer than its wall time"),
        (Round((5, 5), 10, 20), FAKE, "a round with the calls of another number of streams than 2"),
        (
            Round((5, 5), 10, 20, stream_calls=(1, 1)),
            Case(),
            "a round with the calls of another number of streams than 1",
        ),
    ],
)
def test_a_round_that_contradicts_its_streams_is_damaged(round, case, damage):
    with pytest.raises(ValueError, match=damage):
        require_consistent(process_of(round, case))


# choice


@pytest.fixture
def four_cores(monkeypatch):
    monkeypatch.setattr("mnv2bench.selection.suites.cores", lambda: 4)


def chosen(suite, **texts):
    selection = select({"grid": "published", "widths": "1.0", "resolutions": "224", "backends": "fake", **texts})
    return [(case.streams, case.threads, case.batch) for case in suite_cases(suite, selection)]


def test_streams_are_of_throughput_and_divide_the_cores_where_no_threads_are_named(four_cores):
    assert chosen("throughput", streams="1,2,3", batches="1,8") == [
        (1, 4, 1), (1, 4, 8), (2, 2, 1), (2, 2, 8), (3, 1, 1), (3, 1, 8)
    ]  # fmt: skip
    assert chosen("throughput", streams="2", batches="8", threads="1,2") == [(2, 1, 8), (2, 2, 8)]
    assert chosen("latency", streams="1,2", threads="1") == [(1, 1, 1)]
    assert chosen("latency", streams="2") == []
    assert chosen("throughput", batches="8") == [(1, 4, 8)]


def test_a_choice_that_names_several_streams_is_one_of_throughput(four_cores):
    (case,) = selected_cases(select({"widths": "1.0", "resolutions": "224", "backends": "fake", "streams": "4"}))
    assert case.id == "mobilenet_v2_1.0_224-b8-fake-cpu-fp32-t1-s4"
    assert Case.parse(case.id) == case
    assert cases(of_network([(1.0, 224)]), backends=["fake"], batches=[8], streams=[4]) == (case,)


def test_streams_that_would_share_cores_are_refused_in_one_line_that_says_what_to_do(four_cores):
    with pytest.raises(ValueError) as refused:
        chosen("throughput", streams="2", threads="4")
    assert str(refused.value) == (
        "2 streams of 4 threads need 8 cores, and there are 4 for this process: leave --threads out, which divides the "
        "cores, or name fewer --streams"
    )


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--streams", "4096", "--threads", "1"), "4096 streams of 1 thread need 4096 cores, and there are "),
        (("--streams", "0"), "--streams takes numbers from 1 on, not '0'"),
        (("--streams", "two"), "--streams takes numbers separated by commas, not 'two'"),
        (
            ("--streams", "2", "--suites", "latency"),
            "no case is left: these suites have no case with these batches and streams",
        ),
    ],
)
def test_what_no_machine_can_do_ends_with_one_line_and_exit_code_2(verb, tmp_path, words, line):
    ran = verb("run", "--backends", "fake", *words, "--out", str(tmp_path / "a.jsonl"))
    assert (ran.returncode, ran.err.count("\n")) == (2, 1)
    assert line in ran.err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("case", "reason"),
    [
        (
            Case(backend="executorch", streams=2),
            "executorch runs no streams: its Python binding keeps the interpreter's",
        ),
        (
            Case(backend="torch_aoti", streams=2),
            "torch_aoti runs no streams: its Python binding keeps the interpreter's",
        ),
        (
            Case(backend="fake", device="cuda", streams=2),
            "several streams are measured on this machine's processor alone",
        ),
        (
            Case(backend="ncnn", device="ssh:board", streams=2),
            "several streams are measured on this machine's processor",
        ),
    ],
    ids=lambda value: getattr(value, "id", ""),
)
def test_what_has_no_streams_says_why(case, reason):
    with pytest.raises(Unsupported, match=reason):
        backends.require_supported(case)


def test_a_case_of_several_streams_is_neither_profiled_nor_shipped_and_the_case_of_one_stream_is_named():
    case = Case(width=0.35, resolution=96, backend="openvino", streams=2)
    one = "mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1"
    assert Profiling(case).refusal == f"a profile is of one stream: profile {one}"
    with pytest.raises(Unsupported) as refused:
        template_name(case)
    assert str(refused.value) == f"{one}-s2 has 2 streams, and the program that is shipped runs one: ship {one}"


def test_cases_that_a_script_makes_may_not_share_cores_either(tmp_path):
    with pytest.raises(ValueError, match="streams of 1 thread need"):
        library_run([Case(backend="fake", streams=cores() + 1)], out=tmp_path / "a.jsonl")
    assert not (tmp_path / "a.jsonl").exists()


def test_what_a_process_of_streams_took_is_counted_by_the_calls_of_one_stream():
    process = process_of(Round((5_000_000,) * 20, 50_000_000, 100_000_000, stream_calls=(10, 10)))
    assert process_time([process], 1).call_s == 0.005


def test_a_backend_that_opens_fewer_sessions_than_streams_is_wrong():
    class Module:
        @staticmethod
        def open_streams(case, path):
            return [Echo()]

    with pytest.raises(Wrong, match="fake opened 1 streams where 2 were requested"):
        backends.open_streams(Module, FAKE, Path())


# real runtimes


RUNTIMES = ("openvino", "onnxruntime", "litert", "ncnn", "torch_eager", "torch_script")
SAYS = {  # what the runtime says of itself with two streams of one thread
    "openvino": {"NUM_STREAMS": "2", "OPTIMAL_NUMBER_OF_INFER_REQUESTS": "2", "INFERENCE_NUM_THREADS": "2"},
    "onnxruntime": {"sessions": "1", "intra-op threads": "1"},
    "litert": {"threads": "1", "delegate": "XNNPACK"},
    "ncnn": {"threads": "1"},
    "torch_eager": {"torch threads": "1"},
    "torch_script": {"torch threads": "1"},
}


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    chosen = tuple(Case(width=0.35, resolution=96, backend=name, streams=2) for name in RUNTIMES)
    journal = Journal(tmp_path_factory.mktemp("streams") / "a.jsonl")
    return {record.case.backend: record for record in run(Campaign(chosen, journal, BRIEF, accuracy=False))}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNTIMES)
def test_two_streams_of_a_real_runtime_compute_what_eager_fp32_computes(real, name):
    record = real[name]
    assert (record.status, record.reason) == ("ok", "")
    (samples,) = record.samples
    assert max(samples.error, samples.checks.error) <= 1e-4
    assert samples.checks.batches == 2 * (2 + 1 + len(samples.rounds) + 2)
    assert {round.streams for round in samples.rounds} == {2}
    assert SAYS[name].items() <= samples.settings.items()


@pytest.mark.slow
def test_openvino_that_makes_fewer_streams_than_requested_is_wrong():
    case = Case(width=0.35, resolution=96, backend="openvino", streams=cores() + 2)
    preparation = prepare(case, default_weights())
    with pytest.raises(Wrong, match=f"requested {cores() + 2} streams, and OpenVINO made [0-9]+: ask for no more"):
        backends.open_streams(backends.backend("openvino"), case, Path(preparation.path))


OTHER_THREAD = """
import sys, threading, time
import numpy as np
from pathlib import Path
from mnv2bench import Case, backends

turns = 0

def other():
    global turns
    while not done:
        turns += 1
        time.sleep(0.0001)

name, path = sys.argv[1:]
case, done = Case(width=0.35, resolution=96, backend=name), False
with backends.backend(name).open(case, Path(path)) as session:
    session.put(np.zeros((1, 3, 96, 96), np.float32))
    session.run()
    thread = threading.Thread(target=other)
    thread.start()
    sys.setswitchinterval(1000)  # from now on a thread runs only where another one gives up the lock by itself
    before = turns
    for _ in range(300):
        session.run()
    print(turns - before)
    done = True
    sys.setswitchinterval(0.005)
"""


@pytest.mark.slow
@pytest.mark.parametrize("name", ["openvino", "litert", "torch_eager", "executorch"])
def test_other_threads_of_python_run_during_the_call_of_a_backend_unless_it_says_that_they_do_not(name):
    preparation = prepare(Case(width=0.35, resolution=96, backend=name), default_weights())
    words = [sys.executable, "-c", OTHER_THREAD, name, preparation.path]
    ran = subprocess.run(words, capture_output=True, text=True, check=True, timeout=120)
    turns = int(ran.stdout.split()[-1])
    assert (turns == 0) == bool(backends.runtime(name).why_no_streams)
