"""The contract of runners, in C and in Python: arguments in, one line of JSON out, the same rules as the loop here."""

import json
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnv2bench.campaign.preparation import Preparation, prepare
from mnv2bench.case import Case
from mnv2bench.networks import images
from mnv2bench.records import Plan, Samples, Weights, replace
from mnv2bench.records.rounds import Round, undisturbed_rounds
from mnv2bench.remote.runners import answer, contract, native
from mnv2bench.remote.runners.answer import CountedRuns, Marks
from mnv2bench.workers.loop import steady
from mnv2bench.workers.outputs import Reference

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "mnv2bench" / "remote" / "runners"
SMALL = Plan(rounds=2, round_s=0.02, warmup_s=0.02, warmup_cap_s=0.1, timeout_s=60.0)
CASE = Case(width=0.35, resolution=96, backend="fake")

DOUBLE = r"""
#include "runner.h"
static float logits[2], images_put[2];
static void model_open(const Job *job) { if (!strcmp(job->model, "broken")) fail("broken", job->model); }
static void model_put(const float *images, size_t values) {
    images_put[0] = images[0];
    images_put[1] = images[values - 1];
}
static void model_run(void) {
    for (int64_t end = now_ns() + 200000; now_ns() < end;) {}
    memcpy(logits, images_put, sizeof logits);
}
static const float *model_get(size_t *values) { *values = 2; return logits; }
static void model_settings(void) {
    setting("delegate", "a \"quoted\" \\ name\n\x01\xff");
    number_setting("threads", 1);
}
static void model_layers(void) {
    layer("int8", 51);
    layer("fp32", 1);
    layer("int8", 1);
}
int main(int argc, char **argv) { return serve(argc, argv, "double"); }
"""
RULES = r"""
#include "runner.h"
static void model_open(const Job *job) { (void)job; }
static void model_put(const float *images, size_t values) { (void)images; (void)values; }
static void model_run(void) {}
static const float *model_get(size_t *values) { *values = 0; return NULL; }
static void model_settings(void) {}
static void model_layers(void) {}
/* threads rounds; of each round: duration wall cpu run_queue major_faults; answers "steady kept" */
int main(int argc, char **argv) {
    (void)argc; (void)argv; (void)serve;
    int threads; size_t count;
    while (scanf("%d %zu", &threads, &count) == 2) {
        Rounds rounds = {NULL, count};
        rounds.round = (Round *)calloc(count, sizeof(Round));
        for (size_t i = 0; i < count; i++) {
            long long d, wall, cpu, queue, faults;
            if (scanf("%lld %lld %lld %lld %lld", &d, &wall, &cpu, &queue, &faults) != 5) return 1;
            keep_duration(&rounds.round[i], d);
            rounds.round[i].wall_ns = wall; rounds.round[i].cpu_ns = cpu;
            rounds.round[i].run_queue_ns = queue; rounds.round[i].major_faults = faults;
        }
        printf("%d %d\n", steady(&rounds, 0.005), kept(&rounds, threads));
    }
    return 0;
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory, c_compiler):
    """Compile a source of the tests against our headers; any warning is an error."""
    folder = tmp_path_factory.mktemp("double")

    def make(text, name, compiler=c_compiler):
        source = folder / name
        source.write_text(text)
        words = [compiler, *native.WARNINGS, "-Werror", "-I", SOURCES, "-o", source.with_suffix(""), source]
        subprocess.run(words, check=True)
        return str(source.with_suffix(""))

    return make


@pytest.fixture(scope="module")
def double(compiled):
    return compiled(DOUBLE, "double.c")


@pytest.fixture
def place(tmp_path):
    """A folder as a runner finds it: six batches of images of a 1x3x4x4 shape, counting from 0."""
    np.arange(6 * 48, dtype=np.float32).tofile(tmp_path / "inputs")
    return tmp_path


def start(program, place, *more, mode="time"):
    files = ("--model", "model", "--inputs", "inputs", "--outputs", "outputs", "--shape", "1,3,4,4", "--mode", mode)
    quick = ("--rounds", "2", "--round-s", "0.02", "--warmup-s", "0.02", "--warmup-cap-s", "0.1")
    words = [program, *files, *(quick if mode == "time" else ()), *more]
    return subprocess.run(words, cwd=place, capture_output=True, text=True, check=False, timeout=60)


def written(samples, first=0):
    """The batches of a file of six whose logits a runner writes, counted from `first`: checked, timed in turn, last."""
    timed = [2 + span % 2 for span in range(1 + len(samples.rounds))]
    return [first + number for number in (0, 1, *timed, 4, 5)]


def test_the_arguments_of_a_measurement():
    words = answer.arguments(
        Case(batch=2, threads=4), Plan(), mode="time", limit_s=90.5, model="m", inputs="i", outputs="o"
    )
    assert " ".join(words) == (
        "--model m --inputs i --outputs o --shape 2,3,224,224 --threads 4 --precision fp32 --limit-s 90.500 "
        "--mode time --rounds 15 --round-s 0.15 --warmup-s 0.5 --warmup-runs 3 --warmup-cap-s 3.0 "
        "--warmup-cap-rounds 20 --steady-slope 0.005"
    )


def test_the_arguments_of_a_count_ask_for_as_many_runs_as_the_plan_has_rounds():
    words = answer.arguments(CASE, Plan(rounds=3), mode="count", limit_s=90, model="m", inputs="i", outputs="o")
    assert " ".join(words) == (
        "--model m --inputs i --outputs o --shape 1,3,96,96 --threads 1 --precision fp32 --limit-s 90.000 "
        "--mode count --runs 3 --warmup-runs 3"
    )


def test_the_arguments_have_the_channels_and_both_sides_of_the_images():
    grey = Case(width=0.35, resolution=(96, 64), batch=2, channels=1, classes=10)
    words = answer.arguments(grey, Plan(), mode="each", limit_s=90, model="m", inputs="i", outputs="o")
    assert "--shape 2,1,96,64 " in " ".join(words)


def test_the_arguments_of_each_batch_once_have_the_precision_and_no_plan():
    case = replace(CASE, precision="int8")
    words = answer.arguments(case, Plan(), mode="each", limit_s=90, model="m", inputs="i", outputs="o")
    assert " ".join(words) == (
        "--model m --inputs i --outputs o --shape 1,3,96,96 --threads 1 --precision int8 --limit-s 90.000 --mode each"
    )


def test_the_c_runner_gives_samples_and_the_outputs_of_its_first_two_batches(double, place):
    ran = start(double, place)
    assert ran.returncode == 0, ran.stderr
    parsed = answer.parse(ran.stdout)
    samples = parsed.samples
    assert (parsed.runner, parsed.marks) == ("double", None)
    assert len(undisturbed_rounds(samples.rounds, 1)) == 2 or len(samples.rounds) == 4
    assert all(min(r.durations_ns) >= 200_000 and r.wall_ns >= 20_000_000 for r in (*samples.warmup, *samples.rounds))
    assert samples.first_s >= 0.0002
    assert samples.memory.interpreter == samples.memory.floor <= samples.memory.loaded <= samples.memory.peak
    assert samples.memory.floor <= samples.memory.first <= samples.memory.peak
    assert samples.settings == {"delegate": 'a "quoted" \\ name ÿ', "threads": "1"}
    assert 0 <= samples.checks.get_ns < 200_000 <= samples.checks.new_ns
    firsts = [48.0 * number for number in written(samples)]
    assert np.fromfile(place / "outputs", np.float32).tolist() == [n for first in firsts for n in (first, first + 47)]


def test_the_c_runner_counts_between_marks_and_tells_no_time(double, place):
    ran = start(double, place, "--runs", "5", mode="count")
    parsed = answer.parse(ran.stdout)
    assert parsed.marks == Marks(empty=3, runs=5)
    assert parsed.samples == Samples(settings=parsed.samples.settings, layers={"int8": 52, "fp32": 1})
    assert np.fromfile(place / "outputs", np.float32)[::2].tolist() == [0.0, 48.0, 96.0, 192.0, 240.0]


def test_the_c_runner_says_in_which_precision_how_many_layers_ran(double, place):
    assert answer.parse(start(double, place).stdout).samples.layers == {"int8": 52, "fp32": 1}


def test_the_c_runner_runs_each_of_few_batches_once_and_tells_no_time(double, place):
    np.arange(5 * 48, dtype=np.float32).tofile(place / "inputs")
    parsed = answer.parse(start(double, place, mode="each").stdout)
    assert (parsed.marks, parsed.batches) == (None, 5)
    assert parsed.samples == Samples(settings=parsed.samples.settings, layers={"int8": 52, "fp32": 1})
    assert np.fromfile(place / "outputs", np.float32)[::2].tolist() == [0.0, 48.0, 96.0, 144.0, 192.0]


def test_the_c_runner_needs_one_batch_at_least(double, place):
    ran = start(double, place, "--shape", "9,3,4,4", mode="each")
    assert (ran.returncode, ran.stderr) == (1, "the inputs are shorter than a batch of --shape: inputs\n")


def test_the_c_runner_ends_itself_when_its_time_is_over(double, place):
    ran = start(double, place, "--warmup-s", "50", "--warmup-cap-s", "50", "--limit-s", "0.3")
    assert (ran.returncode, ran.stderr) == (contract.TOO_LATE, "the time limit passed: the runner ended itself\n")


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--model", "broken"], "broken: broken"),
        (["--shape", "1,3,4"], "--shape is not B,C,H,W: 1,3,4"),
        (["--shape", "1,3,4,4096000"], "--shape is out of range: 1,3,4,4096000"),
        (["--shape", "2,3,4,4"], "the inputs are shorter than six batches of --shape: inputs"),
        (["--inputs", "nothing"], "cannot read the inputs: nothing"),
        (["--outputs", "no/where"], "cannot write the outputs: no/where"),
        (["--threads", "many"], "not a number from 0 to 1e9: --threads"),
        (["--colour", "red"], "unknown argument: --colour"),
        (["--rounds"], "no value for the last argument: --rounds"),
        (["--mode", "slow"], "--mode is not time, count or each: slow"),
        (["--mode", "count", "--threads", "2"], "instructions are counted of one thread: --threads 1"),
    ],
)
def test_the_c_runner_refuses_in_one_line(double, place, words, why):
    ran = start(double, place, *words)
    assert (ran.returncode, ran.stderr, ran.stdout) == (1, f"{why}\n", "")


def test_the_c_runner_calls_steady_and_undisturbed_what_the_loop_here_does(compiled):
    """Two hundred random series: one is the specification of the other."""
    program, rng, lines, expected = compiled(RULES, "rules.c"), random.Random(4), [], []
    for _ in range(200):
        threads, rounds = rng.choice([1, 2]), []
        for _ in range(rng.randint(1, 8)):
            duration, wall = rng.randint(1000, 1010), 1_000_000
            cpu = int(wall * rng.uniform(0.93, 1.0) * threads)
            queue, faults = rng.choice([None, 0, 9_000, 11_000]), rng.choice([0, 0, 0, 1])
            rounds.append(Round((duration,), wall, cpu, queue, major_faults=faults))
        numbers = [(r.durations_ns[0], r.wall_ns, r.cpu_ns, -1 if r.run_queue_ns is None else r.run_queue_ns,
                    r.major_faults) for r in rounds]  # fmt: skip
        lines.append(f"{threads} {len(rounds)} " + " ".join(str(n) for row in numbers for n in row))
        expected.append(f"{steady(rounds, 0.005):d} {len(undisturbed_rounds(rounds, threads))}")
    ran = subprocess.run([program], input="\n".join(lines), capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines() == expected
    assert len(set(expected)) > 5


GOOD = '{"contract": 3, "runner": "r", "samples": {"settings": {}}, "marks": {"empty": 3, "runs": 1}}'


@pytest.mark.parametrize(
    ("out", "why"),
    [
        ("", "it printed nothing"),
        ("Killed\n", "it printed 'Killed'"),
        (GOOD[:-9], "it printed"),
        (GOOD + "\n\x1b[2J\x07rm -rf\n", "it printed '[2J rm -rf'"),
        (GOOD.replace('"contract": 3', '"contract": 2'), "speaks contract 2, not 3"),
        (GOOD.replace('"runs": 1', '"runs": -1'), "Expected `int` >= 1 - at `$.marks.runs`"),
        (GOOD.replace('"runs": 1}', '"runs": 1}, "batches": 0'), "Expected `int` >= 1 - at `$.batches`"),
        (GOOD.replace('"settings": {}', '"layers": {"int8": -1}'), "Expected `int` >= 0 - at `$.layers[...]`"),
        (GOOD.replace('"settings": {}', '"first_s": NaN'), "JSON is malformed"),
        (GOOD.replace('"settings": {}', '"first_s": "soon"'), "got `str` - at `$.first_s`"),
        (GOOD.replace(', "marks": {"empty": 3, "runs": 1}', ""), "no rounds"),
        ("[1]", "gave no result"),
        ('{"contract": 1, "runner": "r", "samples": 3}', "gave no result"),
        (GOOD.replace('"settings": {}', '"rounds": [{"durations_ns": "5 6", "wall_ns": 7, "cpu_ns": 1}]'), "wall time"),
    ],
)
def test_what_is_no_answer_is_an_error_of_one_line_that_shows_it(out, why):
    with pytest.raises(ValueError, match=r"\w") as error:
        answer.parse(out)
    assert why in str(error.value)
    assert len(str(error.value).splitlines()) == 1


def test_an_answer_is_the_last_line_whatever_a_runtime_printed_before():
    parsed = answer.parse(
        "INFO: hello\n" + GOOD.replace('"settings": {}', '"settings": {"a\\nb": "c\\u0000d"}') + "\n\n"
    )
    assert (parsed.runner, parsed.marks, parsed.samples.settings) == ("r", Marks(3, 1), {"a b": "c d"})


def counted(**more):
    """Marks as icount.c writes them: 20 instructions of each pair, 1000 and 1010 of two runs."""
    labels = [10, 11, 12, 13, 14, 15, 100, 101, 102, 103]
    totals = [0, 20, 40, 60, 80, 100, 120, 1120, 1140, 2150]
    lines = [
        {"label": n, "threads": 1, "instructions": t, "ldst": t // 2, "fma": 3 * t} | more
        for n, t in zip(labels, totals, strict=True)
    ]
    return "\n".join(map(json.dumps, lines))


def test_counts_are_what_lies_between_the_marks():
    assert answer.counts(counted(), Marks(3, 2)) == CountedRuns((1000, 1010), 20, {"ldst": 505, "fma": 3030})


@pytest.mark.parametrize(
    ("text", "marks", "why"),
    [
        (counted(), Marks(3, 3), "no mark 104: the run was cut short"),
        ("", Marks(3, 2), "no mark 10"),
        (counted()[:-20], Marks(3, 2), "truncated"),
        (counted(threads=2), Marks(3, 2), "2 threads ran while instructions were counted"),
        (counted(ldst="many"), Marks(3, 2), "not those of icount.c"),
        ("[1]\n", Marks(3, 2), "not those of icount.c"),
        (counted(), None, "set no marks"),
    ],
)
def test_counts_that_are_not_whole_are_errors(text, marks, why):
    with pytest.raises(ValueError, match=why):
        answer.counts(text, marks)


@pytest.mark.parametrize(
    ("compiler", "package"),
    [("gcc", "gcc"), ("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu"), ("clang", "clang")],
)
def test_the_litert_runner_compiles_without_a_warning(compiler, package):
    """The one for ExecuTorch needs its headers: it is compiled where a bundle is built."""
    if not shutil.which(compiler):
        pytest.skip(f"{compiler} is not here: apt-get install {package}")
    words = [compiler, *native.WARNINGS, "-Werror", "-fsyntax-only", SOURCES / "litert_runner.c"]
    assert subprocess.run(words, capture_output=True, text=True, check=False).stderr == ""


@pytest.fixture(scope="module")
def fake():
    made = prepare(CASE, Weights())
    assert isinstance(made, Preparation), made
    return made


def session(made, place, *more, plan=SMALL, mode="time", limit_s=60, case=CASE, seeds=(1, 2, 3, 4, 5, 6), **variables):
    batches = [images(seed, case.batch, case.image) for seed in seeds]
    (place / "inputs").write_bytes(b"".join(batch.tobytes() for batch in batches))
    words = answer.arguments(
        case, plan, mode=mode, limit_s=limit_s, model=made.path, inputs="inputs", outputs="outputs"
    )
    begin = [sys.executable, "-m", "mnv2bench.remote.runners.session", "--backend", case.backend]
    return subprocess.run(
        [*begin, *words, *more],
        cwd=place,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_the_session_in_python_answers_as_a_c_runner_does(fake, tmp_path):
    ran = session(fake, tmp_path)
    assert ran.returncode == 0, ran.stderr
    parsed = answer.parse(ran.stdout)
    samples = parsed.samples
    assert parsed.runner == "session of fake"
    assert 2 <= len(samples.rounds) <= 4
    assert min(samples.rounds[0].durations_ns) >= 200_000
    assert samples.memory.interpreter < samples.memory.floor <= samples.memory.loaded <= samples.memory.peak
    assert samples.memory.floor <= samples.memory.first <= samples.memory.peak
    assert (samples.cold_open_s, samples.cold, samples.error) == (None, False, None)
    checks = samples.checks
    assert 0 < checks.get_ns < 200_000 <= checks.new_ns
    assert checks.peak_madds_per_s > 1e9
    reference = Reference(Path(fake.reference)).of(written(samples, 1))
    assert np.fromfile(tmp_path / "outputs", np.float32).tolist() == reference.ravel().tolist()


def test_the_session_counts_between_marks_and_tells_no_time(fake, tmp_path):
    parsed = answer.parse(session(fake, tmp_path, mode="count", plan=Plan(rounds=4)).stdout)
    assert (parsed.marks, parsed.samples) == (Marks(3, 4), Samples(settings=parsed.samples.settings))


def test_the_session_runs_each_of_few_batches_once_and_tells_no_time(fake, tmp_path):
    parsed = answer.parse(session(fake, tmp_path, mode="each", seeds=(4, 2, 9)).stdout)
    assert (parsed.marks, parsed.batches, parsed.samples) == (None, 3, Samples(settings=parsed.samples.settings))
    reference = Reference(Path(fake.reference)).of((4, 2, 9))
    assert np.fromfile(tmp_path / "outputs", np.float32).tolist() == reference.ravel().tolist()


def test_the_session_refuses_a_precision_that_its_backend_does_not_run_on_remote_devices(fake, tmp_path):
    ran = session(fake, tmp_path, case=replace(CASE, precision="int8"))
    assert (ran.returncode, ran.stderr) == (contract.UNSUPPORTED, "fake runs fp32 on other devices, not int8\n")


def test_the_session_ends_itself_when_its_time_is_over(fake, tmp_path):
    ran = session(fake, tmp_path, limit_s=3, MNV2BENCH_FAKE="mobilenet_v2_1.0_96=hang")
    assert (ran.returncode, ran.stderr) == (contract.TOO_LATE, "the time limit passed: the runner ended itself\n")


def test_the_session_tells_what_is_missing_from_what_is_not_done(fake, tmp_path):
    missing = session(fake, tmp_path, MNV2BENCH_FAKE="mobilenet_v2_1.0_96=unavailable")
    assert (missing.returncode, missing.stderr) == (
        contract.UNAVAILABLE, "fake is told to be missing: unset MNV2BENCH_FAKE\n"
    )  # fmt: skip
    refused = session(fake, tmp_path, MNV2BENCH_FAKE="mobilenet_v2_1.0_96=unsupported")
    assert (refused.returncode, refused.stderr) == (contract.UNSUPPORTED, "fake is told not to do this\n")
    two = session(fake, tmp_path, "--threads", "2", mode="count")
    assert (two.returncode, two.stderr) == (
        contract.UNSUPPORTED, "instructions are counted of one thread: --threads 1\n"
    )  # fmt: skip


def test_the_session_sets_its_threads_before_numpy_could_start_some():
    code = (
        "import sys, mnv2bench.remote.runners.session as _; print([m for m in ('numpy', 'torch') if m in sys.modules])"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"


def test_the_session_needs_neither_torch_nor_what_only_this_machine_has(tmp_path):
    """An arm64 Python has numpy, msgspec and our sources."""
    hidden = ("torch", "psutil", "pandas", "scipy", "pyarrow", "typer", "rich", "pytest")
    code = f"import sys\nfor name in {hidden}: sys.modules[name] = None\nimport mnv2bench.remote.runners.inferences"
    subprocess.run([sys.executable, "-c", code], check=True)
