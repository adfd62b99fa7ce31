"""Plugin of `pytest suites`: one campaign measures all cases before the first test; each test replays its samples."""

import os
from pathlib import Path

import pytest
from rich.console import Console

from mnv2bench.campaign import Campaign, run
from mnv2bench.campaign.estimate import estimate
from mnv2bench.campaign.patience import PATIENCE_FLAGS, patience
from mnv2bench.campaign.places import require_results
from mnv2bench.case import Case, Kind
from mnv2bench.conclusion import Conclusion, Requested, conclusion
from mnv2bench.exit_codes import ExitCode
from mnv2bench.flags import flags
from mnv2bench.gpu.times import gpu_times
from mnv2bench.interrupts import interruptible
from mnv2bench.locks import Locked
from mnv2bench.machine import differences, this_machine
from mnv2bench.policy import policy_of
from mnv2bench.profiling.extras import Profiling
from mnv2bench.profiling.lines import written
from mnv2bench.records import Record
from mnv2bench.records.journal import Journal, lines
from mnv2bench.records.machine import machine_from_json, machine_to_json
from mnv2bench.run_end import print_end
from mnv2bench.selection import (
    BUDGET,
    DRY_RUN,
    FLAGS,
    NO_ACCURACY,
    OPTIONS,
    REPEATED,
    SWEEP,
    option_text,
    select,
    spellings,
    suite_cases,
)
from mnv2bench.statistics.latency import latency
from mnv2bench.statistics.rounds import record_undisturbed_share, throughput, used_rounds
from mnv2bench.suites.baselines import compared, comparison_text, require_baselines, require_common_cases
from mnv2bench.suites.refused_options import refuse_options
from mnv2bench.suites.saved_reports import require_saved_file, saved_files, written_report
from mnv2bench.terminal import Display, estimate_texts, steps

PARAMETERS = (
    "network",
    "width",
    "resolution",
    "batch",
    "backend",
    "device",
    "precision",
    "threads",
    "classes",
    "streams",
    "channels",
)
RESULTS = Path(os.environ.get("MNV2BENCH_RESULTS") or Path(__file__).parents[1] / "results").absolute()


class ReplayClock:
    """A timer that returns 0.0, s0, 0.0, s1, ..., so that pytest-benchmark's end - start is exactly each sample."""

    __name__ = "mnv2bench_replay"

    def __init__(self):
        self.times = iter(())

    def load(self, seconds):
        self.times = iter([reading for sample in seconds for reading in (0.0, sample)])

    def __call__(self):
        return next(self.times)


REPLAY = ReplayClock()
PARSERS = []  # the one that reads the options: pytest hands it over once, before it reads them
RECORDS = pytest.StashKey[dict]()
JOURNAL = pytest.StashKey[Journal]()
SAVED_BEFORE = pytest.StashKey[frozenset]()  # the saved files that were there before the campaign
REPORT = pytest.StashKey[list]()  # lines on the files of the report


def pytest_addoption(parser):
    PARSERS[:] = [parser]
    group = parser.getgroup("mnv2bench")
    for name, (default, text) in (OPTIONS | BUDGET | SWEEP).items():
        group.addoption(*spellings(name), default=default or None, help=text)
    for name, text in FLAGS.items():
        group.addoption(f"--{name}", action="store_const", const="yes", default="", help=text)
    for name, text in REPEATED.items():
        group.addoption(f"--{name}", action="append", default=[], help=text)
    text = "Also run each runtime's own profiler, in fresh processes among the timed ones. mnv2bench report shows it."
    group.addoption("--profile", action="store_true", help=text)
    group.addoption("--no-accuracy", action="store_true", help=NO_ACCURACY)
    for name, text in PATIENCE_FLAGS.items():
        group.addoption(f"--{name}", action="store_true", help=text)
    group.addoption("--dry-run", action="store_true", help=DRY_RUN)
    text = "Write the report in Markdown and HTML, with its CSV, beside the file that --benchmark-save saves."
    group.addoption("--report", action="store_true", help=text)
    group.addoption("--resume", action="store_true", help="Go on with an interrupted campaign of the same name.")


def pytest_configure(config):
    refuse_options(config, PARSERS[0])
    try:
        texts = {name: option_text(name, config.getoption(f"--{name}")) for name in OPTIONS | BUDGET | SWEEP}
        texts |= {name: config.getoption(f"--{name}") for name in FLAGS}
        selection = select(texts, config.getoption("--env"), config.getoption("--model"))
        suite_cases("latency", selection), suite_cases("throughput", selection)
    except ValueError as error:
        raise pytest.UsageError(str(error)) from error
    config.selection = selection
    if config.option.benchmark_storage == "file://./.benchmarks":
        config.option.benchmark_storage = f"file://{RESULTS / this_machine().fingerprint}"
    require_baselines(config)
    if config.option.report:
        require_saved_file(config)


def pytest_generate_tests(metafunc):
    suite = metafunc.definition.get_closest_marker("suite")
    if suite is None:
        return
    name, selection = suite.args[0], metafunc.config.selection
    counted = name == "counts"
    chosen = suite_cases("latency" if counted else name, selection)
    chosen = [case for case in chosen if (case.kind == Kind.COUNTED) == counted]
    rows = [tuple(getattr(case, name) for name in PARAMETERS) for case in chosen]
    metafunc.parametrize(PARAMETERS, rows, ids=[case.id for case in chosen])


@pytest.fixture
def case(network, width, resolution, batch, backend, device, precision, threads, classes, streams, channels):
    return Case(network, width, resolution, batch, backend, device, precision, threads, classes, streams, channels)


def _case(item):
    parameters = getattr(item, "callspec", None) and item.callspec.params
    if not parameters or not isinstance(parameters.get("backend"), str):  # a suite without cases has one empty test
        return None
    return Case(*(parameters[name] for name in PARAMETERS))


def pytest_collection_modifyitems(items):
    for item in items:
        if "benchmark" in item.fixturenames:
            item.add_marker(pytest.mark.benchmark(timer=REPLAY))


def _measures_nothing(option):
    """Whether the options say that no test is to be run, or none to be measured."""
    planned = option.collectonly or option.setuponly or option.setupplan
    return planned or option.benchmark_disable or option.benchmark_skip


def _benchmark_names(session):
    """The names under which pytest-benchmark saves and compares the cases of this session."""
    return [item.nodeid for item in session.items if _case(item) and "benchmark" in item.fixturenames]


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtestloop(session):
    """Measure the whole campaign, with the cases that -k and -m left, before any test runs."""
    config, option = session.config, session.config.option
    chosen = tuple(dict.fromkeys(case for item in session.items if (case := _case(item))))
    if not chosen and any(item.get_closest_marker("suite") for item in session.items):
        raise pytest.UsageError("no case is left: the suites that were named have no case with these options")
    if chosen and not _measures_nothing(option):
        config.stash[SAVED_BEFORE] = frozenset(saved_files(config._benchmarksession.storage))
        require_common_cases(_benchmark_names(session), config._benchmarksession.compared_mapping)
        selection = config.selection
        name = option.benchmark_save or ("autosave" if option.benchmark_autosave else "unsaved")
        journal = Journal(RESULTS / this_machine().fingerprint / f"{name}.journal.jsonl")
        out = config.pluginmanager.get_plugin("terminalreporter")._tw._file
        if hasattr(out, "reconfigure"):
            out.reconfigure(errors="backslashreplace")  # a locale may have no dash
        extras = tuple(map(Profiling, chosen)) if option.profile else ()
        if option.dry_run:
            _print_estimate(Console(file=out, highlight=False, soft_wrap=True), config, chosen, extras, journal)
            option.collectonly = True  # no test runs
            config._benchmarksession.save = config._benchmarksession.autosave = None  # and nothing is saved
            return (yield)
        try:
            with interruptible(), _display(out, config) as display:
                display.console.print()
                plan, seed, weights = selection.plan, selection.seed, selection.weights
                waiting = patience({name: config.getoption(f"--{name}") for name in PATIENCE_FLAGS})
                campaign = Campaign(
                    chosen,
                    journal,
                    plan,
                    seed,
                    weights,
                    display,
                    selection.runner,
                    extras,
                    waiting,
                    accuracy=not option.no_accuracy,
                    policy=policy_of(plan, RESULTS),
                )
                require_results(journal.path.parent)
                measured = run(campaign, option.resume)
        except Locked as error:
            pytest.exit(str(error), returncode=2)
        except (ValueError, OSError) as error:
            where = f"\nwhat was measured so far is in {journal.path}" if journal.path.is_file() else ""
            pytest.exit(f"{error}{where}", returncode=2)
        except KeyboardInterrupt:
            pytest.exit(
                f"interrupted: the same command with --resume goes on from {journal.path}",
                returncode=ExitCode.INTERRUPTED,
            )
        config.stash[RECORDS] = {record.case: record for record in measured}
        config.stash[JOURNAL] = journal
    return (yield)


def _display(out, config):
    """The progress, in what the plan's campaign counts."""
    return Display(out, quiet=config.option.verbose < 0, steps=steps(config.selection.plan))


def _print_estimate(console, config, chosen, extras, journal):
    """Print what the campaign would do, and how long that takes; with --resume, what is left of it."""
    selection, option = config.selection, config.option
    try:
        if option.resume:
            journal.read()
        expected = estimate(
            chosen,
            selection.plan,
            selection.weights,
            accuracy=not option.no_accuracy,
            extras=extras,
            journal=journal if option.resume else None,
        )
        if not option.resume:
            expected.require_budget()
    except (ValueError, OSError) as error:
        pytest.exit(str(error), returncode=2)
    console.print()
    for text in estimate_texts(expected):
        console.print(text, markup=False)


@pytest.hookimpl(tryfirst=True)
def pytest_sessionfinish(session):
    """End with the campaign's code, and save it where nothing was timed: pytest-benchmark saves no empty list."""
    config, saving = session.config, session.config._benchmarksession
    if JOURNAL in config.stash and session.exitstatus == ExitCode.DONE:
        session.exitstatus = max(ended.code for ended in _conclusions(config))
    name = saving.save or saving.autosave
    if JOURNAL in config.stash and name and not saving.benchmarks and not saving.disabled:
        shared = {"config": config, "benchmarks": []}
        commit = config.hook.pytest_benchmark_generate_commit_info(config=config)
        output = config.hook.pytest_benchmark_generate_json(
            **shared, include_data=False, machine_info=saving.get_machine_info(), commit_info=commit
        )
        config.hook.pytest_benchmark_update_json(**shared, output_json=output)
        saving.storage.save(output, name)
        saving.save = saving.autosave = None
    if JOURNAL in config.stash and config.option.report:
        _write_report(session)


def _write_report(session):
    """Write the report beside the file that was saved, and keep the lines that say so for the summary."""
    config = session.config
    files = saved_files(config._benchmarksession.storage)
    new_files = [file for file in files if file not in config.stash[SAVED_BEFORE]]
    try:
        config.stash[REPORT] = [line for file in new_files for line in written_report(file, RESULTS)]
    except ValueError as error:
        config.stash[REPORT] = [f"no report: {error}"]
        session.exitstatus = max(session.exitstatus, ExitCode.REFUSED)


def _conclusions(config):
    """How the campaign ended: its cases, their profiles, and the comparison with a baseline."""
    requested = Requested.of(config.selection)
    conclusions = [conclusion(list(config.stash[RECORDS].values()), requested)]
    if config.option.profile:
        conclusions.append(conclusion(written(config.stash[JOURNAL])[0], requested, "profiled"))
    measured, files = _benchmarks(config)
    if files and not compared(measured, files):
        conclusions.append(Conclusion(failed=False, missed=(comparison_text(measured, files),)))
    return conclusions


def _benchmarks(config):
    """The names of what pytest-benchmark has of this session, and the files that it compares them with."""
    saving = config._benchmarksession
    return [benchmark.fullname for benchmark in saving.benchmarks if benchmark], saving.compared_mapping


def pytest_benchmark_generate_machine_info(config):
    return machine_to_json(this_machine())


def pytest_benchmark_update_json(config, benchmarks, output_json):
    if JOURNAL in config.stash:
        output_json["mnv2bench"] = lines(config.stash[JOURNAL].path)


def pytest_benchmark_compare_machine_info(config, benchmarksession, machine_info, compared_benchmark):
    differ = differences(this_machine(), machine_from_json(compared_benchmark["machine_info"]))
    if differ:
        raise pytest.UsageError(
            f"{compared_benchmark['commit_info'].get('id', 'that file')[:12]}: another machine, "
            f"nothing to compare ({'; '.join(differ)})"
        )


@pytest.fixture
def record(request, case) -> Record:
    """The campaign's record of this test's case. The test is skipped or fails here where there is no number."""
    records = request.config.stash.get(RECORDS, None)
    if records is None:
        pytest.skip("nothing is measured with --benchmark-disable and --benchmark-skip")
    case_record = records[case]
    if case_record.status in ("unavailable", "unsupported"):
        pytest.skip(f"{case_record.status}: {case_record.reason}")
    if case_record.status != "ok":
        pytest.fail(f"{case_record.status}: {case_record.reason}", pytrace=False)
    return case_record


@pytest.fixture
def replay(request, benchmark):
    """A function that gives the measured samples of the test's case to pytest-benchmark."""

    def _replay() -> None:
        if benchmark.disabled:
            benchmark.pedantic(lambda: None)
            return
        record = request.getfixturevalue("record")
        if record.external_results:
            tool = record.external_results[0].tool
            pytest.skip(f"{tool} gives no raw samples to replay: its result is in the report")
        rounds = [
            measured for samples in record.samples for measured in used_rounds(samples, record.case.total_threads)
        ]
        seconds = [duration / 1e9 for measured in rounds for duration in measured.durations_ns]
        times = latency(record)
        benchmark.group = benchmark.group or record.case.variant
        benchmark.extra_info.update(
            case=record.case.id,
            process_medians_ms=[1e3 * median for median in times.process_medians],
            throughput_images_per_s=throughput(record),
            kept_share=record_undisturbed_share(record),
            flags=list(flags(record)),
        )
        if gpu := gpu_times(record):  # the replayed samples are wall times
            benchmark.extra_info.update(
                gpu_ms=1e3 * gpu.gpu.median_s,
                enqueue_ms=1e3 * gpu.enqueue.median_s,
                end_to_end_ms=1e3 * gpu.end_to_end.median_s,
            )
        REPLAY.load(seconds)
        benchmark.pedantic(lambda: None, rounds=len(seconds), iterations=1, warmup_rounds=0)

    return _replay


def pytest_terminal_summary(terminalreporter, config):
    if RECORDS not in config.stash:
        return
    journal = config.stash[JOURNAL]
    profiles, _ = written(journal)
    remarks = [
        f"no profile of {profile.case.id}: {profile.status}: {profile.reason}"
        for profile in profiles
        if profile.status != "ok"
    ]
    measured, files = _benchmarks(config)
    if files:
        remarks.append(comparison_text(measured, files))
    remarks += [sentence for ended in _conclusions(config) for sentence in ended.missed]
    remarks += config.stash.get(REPORT, ())
    console = Console(file=terminalreporter._tw._file, highlight=False, soft_wrap=True)
    print_end(journal.path, console, RESULTS, remarks)
