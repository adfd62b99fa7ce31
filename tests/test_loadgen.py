"""MLPerf's scenarios, played by the real LoadGen against sessions whose answers are known."""

import hashlib
import json
import re
import threading

import numpy as np
import pytest

from mnv2bench import networks
from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS
from mnv2bench.backends import Session
from mnv2bench.case import Case
from mnv2bench.loadgen import folder, generator, logs, page
from mnv2bench.loadgen.library import OF_A_SEED, SIZE, Library
from mnv2bench.loadgen.measuring import Request, refusal
from mnv2bench.loadgen.records import Disturbance, Load, LoadRecord, Played, Rules
from mnv2bench.loadgen.scenarios import UNOFFICIAL, Scenario
from mnv2bench.loadgen.search import MOST_TRIES, search
from mnv2bench.loadgen.system import System
from mnv2bench.networks import ImageShape
from mnv2bench.records import Weights, replace
from mnv2bench.selfcheck import loadgen as selfcheck_loadgen
from mnv2bench.workers.streams import Streams

CASE = Case(width=0.35, resolution=96, backend="fake")
EIGHT = replace(CASE, batch=8)
FAST_S = 0.0002
BOUND_S = 0.5  # generous: another program may hold both cores while a test runs
SCENARIOS = list(Scenario)


def name(image):
    return hashlib.sha256(image.tobytes()).hexdigest()


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """The logits of each image of the library by the image's digest, and a reference file with all of them."""
    rng = np.random.default_rng(1)
    seeds = (*REFERENCE_SEEDS, *UNKNOWN_SEEDS)
    logits = rng.standard_normal((len(seeds), OF_A_SEED, 1000)).astype(np.float32)
    path = tmp_path_factory.mktemp("reference") / "reference.npz"
    np.savez(path, logits=logits, seeds=np.array(seeds))
    by_image = {}
    for seed, rows in zip(seeds, logits, strict=True):
        for image, row in zip(networks.images(seed, OF_A_SEED, ImageShape(3, 96, 96)), rows, strict=True):
            by_image[name(image)] = row
    return by_image, path


class Known(Session):
    """Looks the logits of its images up. `fault(call)` may raise, or return True for the logits of another image."""

    def __init__(self, by_image, fault=lambda call: False):
        self.by_image, self.fault = by_image, fault
        self.calls = 0
        self.threads = set()

    def put(self, images):
        self.images = images.copy()

    def run(self):
        self.calls += 1
        self.threads.add(threading.get_ident())
        is_wrong = self.fault(self.calls)
        first = next(iter(self.by_image.values()))
        self.logits = np.stack([first if is_wrong else self.by_image[name(image)] for image in self.images])

    def get(self):
        return self.logits.copy()


def load_of(scenario, **values):
    of_server = {"latency_bound_s": BOUND_S, "target_qps": 200.0} if scenario == Scenario.SERVER else {}
    return Load(**{"scenario": scenario, "min_duration_s": 0.2, "min_queries": 20, **of_server, **values})


def play(load, sessions, path, place, case=CASE, call_s=FAST_S):
    """One run of LoadGen; the system that answered, and its library."""
    place.mkdir()
    library = Library(case, Weights(), path)
    with Streams(sessions) as streams:
        system = System(streams, case.batch, library, generator.completion())
        chosen = generator.settings(load, call_s, case.batch * len(sessions) / call_s)
        generator.play(load, chosen, system, library, place)
    return system, library


@pytest.mark.parametrize("scenario", SCENARIOS)
def test_loadgen_calls_a_long_enough_run_valid_and_every_answer_is_that_of_its_image(scenario, known, tmp_path):
    by_image, path = known
    enough = {Scenario.SINGLE_STREAM: 100, Scenario.MULTI_STREAM: 662, Scenario.OFFLINE: 1, Scenario.SERVER: 459}
    load = load_of(scenario, min_queries=enough[scenario], min_duration_s=0.1)
    system, library = play(load, [Known(by_image)], path, tmp_path / "logs", call_s=1e-5)
    verdict = logs.verdict(tmp_path / "logs", scenario)
    assert (verdict.validity, verdict.reasons) == ("VALID", ())
    assert verdict.queries >= enough[scenario]
    assert verdict.value > 0
    assert verdict.version.startswith("6.0.17")
    comparison = library.check(system.answers)
    assert (comparison.wrong, comparison.error) == ("", 0.0)
    assert len(system.answers) > 0.8 * SIZE
    logged = {
        answer.qsl_idx: np.frombuffer(bytes.fromhex(answer.data), np.float32)
        for answer in logs.answers(tmp_path / "logs")
    }
    assert len(logged) > 1
    assert library.check(logged).error == 0.0


def test_the_result_of_each_scenario_is_the_number_that_mlperf_means(known, tmp_path):
    by_image, path = known
    verdicts = {}
    for scenario in SCENARIOS:
        play(load_of(scenario), [Known(by_image)], path, tmp_path / scenario)
        verdicts[scenario] = logs.verdict(tmp_path / scenario, scenario)
    single, multi = verdicts[Scenario.SINGLE_STREAM], verdicts[Scenario.MULTI_STREAM]
    assert single.value == single.latencies.p90
    assert multi.value == multi.latencies.p99
    assert multi.images == 8 * multi.queries
    assert verdicts[Scenario.OFFLINE].queries == 1
    assert verdicts[Scenario.OFFLINE].images >= 1000
    server = verdicts[Scenario.SERVER]
    assert 100 < server.value < 300  # Poisson arrivals of 200 a second
    assert server.late is not None
    assert (single.late, multi.late) == (None, None)


def test_a_run_with_too_few_queries_is_invalid_and_says_which_constraint_it_missed(known, tmp_path):
    by_image, path = known
    play(load_of(Scenario.MULTI_STREAM), [Known(by_image)], path, tmp_path / "logs", call_s=1.0)
    verdict = logs.verdict(tmp_path / "logs", Scenario.MULTI_STREAM)
    assert verdict.validity == "INVALID"
    assert "there are too few queries for a percentile at 99 % confidence" in verdict.reasons


def test_a_server_that_gets_more_queries_than_it_can_answer_is_invalid(known, tmp_path):
    by_image, path = known

    def slow(call):
        threading.Event().wait(0.01)

    load = load_of(Scenario.SERVER, target_qps=1000.0, latency_bound_s=0.02)
    play(load, [Known(by_image, slow)], path, tmp_path / "logs")
    verdict = logs.verdict(tmp_path / "logs", Scenario.SERVER)
    assert verdict.validity == "INVALID"
    assert verdict.reasons[0] == "p99 is above the latency bound"
    assert verdict.late > 0.5 * verdict.queries


@pytest.mark.parametrize("scenario", [Scenario.MULTI_STREAM, Scenario.OFFLINE, Scenario.SERVER])
def test_several_sessions_share_the_queries_each_in_a_thread_of_its_own(scenario, known, tmp_path):
    by_image, path = known
    sessions = [Known(by_image, lambda call: threading.Event().wait(0.001)) for _ in range(2)]
    system, library = play(load_of(scenario), sessions, path, tmp_path / "logs", call_s=0.001)
    assert [len(session.threads) for session in sessions] == [1, 1]
    assert sessions[0].threads != sessions[1].threads
    assert min(session.calls for session in sessions) > 10
    assert library.check(system.answers).wrong == ""
    assert system.parts(None).calls == sum(session.calls for session in sessions)


@pytest.mark.parametrize("scenario", [Scenario.SINGLE_STREAM, Scenario.SERVER])
def test_an_exception_of_a_session_is_raised_and_does_not_end_the_process_with_a_signal(scenario, known, tmp_path):
    by_image, path = known

    def fails(call):
        if call == 5:
            raise RuntimeError("the fifth call failed")

    with pytest.raises(RuntimeError, match="the fifth call failed"):
        play(load_of(scenario), [Known(by_image, fails)], path, tmp_path / "logs")


def test_answers_of_another_image_while_loadgen_runs_are_wrong(known, tmp_path):
    by_image, path = known
    stops = Known(by_image, lambda call: call > 30)
    system, library = play(load_of(Scenario.SINGLE_STREAM), [stops], path, tmp_path / "logs")
    assert "right before anything was timed, and not while it was" in library.check(system.answers).wrong


def test_a_batch_is_filled_up_with_its_last_image_and_only_its_own_answers_count(known, tmp_path):
    by_image, path = known
    session = Known(by_image)
    load = load_of(Scenario.OFFLINE, min_queries=20, min_duration_s=0.001)
    system, library = play(load, [session], path, tmp_path / "logs", EIGHT, call_s=1.0)
    verdict = logs.verdict(tmp_path / "logs", Scenario.OFFLINE)
    assert verdict.images == 20
    assert session.calls == 3
    assert len(session.images) == 8
    assert library.check(system.answers).wrong == ""


def test_an_audit_config_in_the_current_folder_changes_nothing(known, tmp_path, monkeypatch):
    by_image, path = known
    monkeypatch.chdir(tmp_path)
    (tmp_path / "audit.config").write_text("*.*.mode = 1\n*.*.min_query_count = 100000\n")
    play(load_of(Scenario.SINGLE_STREAM), [Known(by_image)], path, tmp_path / "logs")
    assert "min_query_count : 20\n" in (tmp_path / "logs" / logs.SUMMARY).read_text()


def test_the_time_of_a_query_is_put_run_get_and_what_loadgen_and_its_binding_add(known, tmp_path):
    by_image, path = known
    system, _ = play(load_of(Scenario.SINGLE_STREAM), [Known(by_image)], path, tmp_path / "logs")
    p50 = logs.verdict(tmp_path / "logs", Scenario.SINGLE_STREAM).latencies.p50
    parts = system.parts(p50)
    (clocks,) = system.clocks.values()
    whole = np.median(np.array(clocks.put) + np.array(clocks.run) + np.array(clocks.get))
    assert parts.beside_ns == pytest.approx(p50 - whole)
    assert parts.beside_ns > 0


def test_what_loadgen_adds_to_a_query_is_measured_with_a_session_that_does_nothing(monkeypatch):
    monkeypatch.setattr(selfcheck_loadgen, "DURATION_S", 0.2)
    text = selfcheck_loadgen.added_text()
    match = re.search(
        r"takes ([0-9.]+) us at the median, p90 ([0-9.]+) us; ([0-9.]+) us of the median are LoadGen", text
    )
    median, p90, added = map(float, match.groups())
    assert 0 < added < median <= p90


@pytest.fixture
def written(known, tmp_path):
    by_image, path = known
    quick_call_s = FAST_S / 10  # LoadGen sends as many queries as fill the least duration at this latency
    play(load_of(Scenario.SINGLE_STREAM), [Known(by_image)], path, tmp_path / "logs", call_s=quick_call_s)
    return tmp_path / "logs"


@pytest.mark.parametrize(
    ("file", "text", "other", "message"),
    [
        (logs.SUMMARY, "Result is : VALID", "Result is : INVALID", "does not say VALID"),
        (logs.SUMMARY, "Scenario : SingleStream", "Scenario : Server", "not of the scenario SingleStream"),
        (logs.DETAIL, ":::MLLOG", "MLLOG", "a line does not begin with"),
        (logs.DETAIL, '"key": "result_query_count"', '"key": "result_query_number"', "0 lines of result_query_count"),
        (
            logs.DETAIL,
            '"result_min_duration_met", "value": true',
            '"result_min_duration_met", "value": 1',
            "gives 1 as",
        ),
        (
            logs.DETAIL,
            '"result_min_duration_met", "value": true',
            '"result_min_duration_met", "value": false',
            "contradicts itself",
        ),
    ],
)
def test_a_log_that_cannot_be_believed_is_an_error_and_never_a_number(written, file, text, other, message):
    content = (written / file).read_text()
    assert text in content
    (written / file).write_text(content.replace(text, other, 1))
    with pytest.raises(ValueError, match=message):
        logs.verdict(written, Scenario.SINGLE_STREAM)


def test_a_log_that_breaks_off_is_an_error(written):
    content = (written / logs.DETAIL).read_text()
    (written / logs.DETAIL).write_text(content[: len(content) - 40])
    with pytest.raises(ValueError, match="cannot be read"):
        logs.verdict(written, Scenario.SINGLE_STREAM)


@pytest.mark.parametrize("limit", [3.0, 47.0, 480.0, 499.0, 900.0, 1400.0])
def test_the_search_ends_within_three_per_cent_below_the_highest_rate_that_passes(limit):
    tried = []

    def passes(qps):
        tried.append(qps)
        return qps <= limit

    highest = search(passes, most_qps=max(1000.0, limit) if limit > 32 else 60.0)
    assert limit / 1.03 <= highest <= limit
    assert len(tried) <= MOST_TRIES


def test_no_rate_passes_where_even_a_small_part_of_what_the_system_can_do_is_too_much():
    tried = []

    def passes(qps):
        tried.append(qps)
        return False

    assert search(passes, most_qps=1000.0) is None
    assert tried == [500.0, 250.0, 125.0, 62.5, 31.25]


def test_a_queue_with_poisson_arrivals_is_loaded_up_to_its_bound():
    rng = np.random.default_rng(2)
    service_s, bound_s = 0.001, 0.010

    def p99(qps):
        due = np.cumsum(rng.exponential(1 / qps, 20_000))
        done, latencies = 0.0, []
        for start in due:
            done = max(done, start) + service_s
            latencies.append(done - start)
        return np.quantile(latencies, 0.99)

    highest = search(lambda qps: p99(qps) <= bound_s, most_qps=1 / service_s)
    assert 650 < highest < 900
    assert p99(0.9 * highest) < bound_s < p99(1.2 * highest)


def test_mlperfs_own_rules_are_read_from_loadgen():
    assert generator.rules(Scenario.SINGLE_STREAM) == Rules(600.0, 100)
    assert generator.rules(Scenario.MULTI_STREAM) == Rules(600.0, 662)
    assert generator.rules(Scenario.OFFLINE) == Rules(600.0, 24_576)


@pytest.mark.parametrize(
    ("case", "scenario", "reason"),
    [
        (EIGHT, Scenario.SINGLE_STREAM, "name a case of batch 1"),
        (EIGHT, Scenario.SERVER, "name a case of batch 1"),
        (replace(CASE, device="cuda"), Scenario.OFFLINE, "name a case of the device cpu"),
        (replace(CASE, device="adb:X"), Scenario.OFFLINE, "name a case of the device cpu"),
        (replace(CASE, streams=2), Scenario.SINGLE_STREAM, "name a case of one stream"),
        (replace(CASE, streams=4096), Scenario.SERVER, "name a case of fewer streams or threads"),
    ],
)
def test_a_case_that_means_nothing_under_a_scenario_is_refused_with_what_to_name(case, scenario, reason):
    assert refusal(case, scenario).endswith(reason)


@pytest.mark.parametrize("scenario", [Scenario.MULTI_STREAM, Scenario.OFFLINE])
def test_batches_fit_the_scenarios_whose_queries_have_several_images(scenario):
    assert refusal(EIGHT, scenario) == ""


def test_only_a_server_without_a_rate_is_searched():
    assert Request(Scenario.SERVER, 1.0).searches
    assert not Request(Scenario.SERVER, 1.0, target_qps=10.0).searches
    assert not Request(Scenario.OFFLINE, 1.0).searches


def record_of(place, scenario, load, system=None, **values):
    """A record as `measure` makes it, of logs that LoadGen wrote."""
    verdict = logs.verdict(place, scenario)
    parts = system.parts(verdict.latencies.p50)
    played = Played(load, verdict, parts, Disturbance(0.3, 0.0, None))
    fields = {"status": "ok", "reason": "", "played": played, "tries": (), "rules": Rules(600.0, 100), "wall_s": 1.0}
    known_fields = {"error": 0.0, "checked": 64, "settings": {}, "libraries": {}, "machine": "x-1c-abcdef01"}
    at = {"saved_at": "2026-11-26T20:00:00+00:00", "other_load": 0.0}
    return LoadRecord(case=CASE.id, scenario=scenario, **{**fields, **known_fields, **at, **values})


def test_the_page_shows_a_valid_result_and_says_what_it_is_not(known, tmp_path):
    by_image, path = known
    load = load_of(Scenario.SINGLE_STREAM, min_queries=100)
    system, _ = play(load, [Known(by_image)], path, tmp_path / "logs", call_s=1e-5)
    record = record_of(tmp_path / "logs", Scenario.SINGLE_STREAM, load, system)
    text = page.page([record])
    p90_ms = record.played.verdict.value / 1e6
    assert UNOFFICIAL in text
    assert f"{p90_ms:.4f} ms" in text or f"{p90_ms:.3f} ms" in text or f"{p90_ms:.2f} ms" in text
    assert "runs of at least 0.2 s and 100 queries are no MLPerf results: its rules want 600 s and 100" in text
    assert "disturbed: its threads together waited for a core for 30% of the time" in text
    assert page.row(record)[:3] == [CASE.id, "single-stream", "VALID"]


def test_many_disturbed_runs_are_one_sentence(known, tmp_path):
    by_image, path = known
    load = load_of(Scenario.SINGLE_STREAM, min_queries=100)
    system, _ = play(load, [Known(by_image)], path, tmp_path / "logs", call_s=1e-5)
    record = record_of(tmp_path / "logs", Scenario.SINGLE_STREAM, load, system)
    assert sum("disturbed" in sentence for sentence in page.sentences([record] * 3)) == 3
    assert "4 of 4 runs were disturbed by other programs: measure them again" in page.sentences([record] * 4)


def test_an_invalid_run_shows_its_verdict_and_no_number_at_all(known, tmp_path):
    by_image, path = known
    load = load_of(Scenario.MULTI_STREAM)
    system, _ = play(load, [Known(by_image)], path, tmp_path / "logs", call_s=1.0)
    record = record_of(tmp_path / "logs", Scenario.MULTI_STREAM, load, system)
    assert page.row(record) == [CASE.id, "multi-stream", "INVALID", "–", "–", "–", "–", "–"]
    text = page.page([record])
    assert "INVALID, so that no number is shown: " in text
    assert "Where the time of a call goes" not in text
    assert not record.is_valid


def test_a_valid_run_with_wrong_outputs_shows_no_number_either(known, tmp_path):
    by_image, path = known
    load = load_of(Scenario.SINGLE_STREAM, min_queries=100)
    system, _ = play(load, [Known(by_image)], path, tmp_path / "logs", call_s=1e-5)
    wrong = {"status": "wrong", "reason": "outputs <b>differ</b> | by 1"}
    record = record_of(tmp_path / "logs", Scenario.SINGLE_STREAM, load, system, **wrong)
    assert page.row(record)[2:] == ["wrong", "–", "–", "–", "–", "–"]
    assert r"outputs \<b\>differ\</b\> \| by 1" in page.page([record])


def test_a_record_is_kept_with_its_logs_and_reads_back_as_it_was(known, tmp_path):
    by_image, path = known
    place = folder.folder_of(tmp_path / "out", CASE, Scenario.SINGLE_STREAM)
    load = load_of(Scenario.SINGLE_STREAM)
    for _ in range(2):  # the second replaces the first
        with folder.staged(place) as staged:
            system, _ = play(load, [Known(by_image)], path, staged / "logs")
            record = record_of(staged / "logs", Scenario.SINGLE_STREAM, load, system)
            for file in (staged / "logs").iterdir():
                file.rename(staged / file.name)
            (staged / "logs").rmdir()
            folder.keep(record, staged)
    assert folder.records(tmp_path / "out") == (record,)
    assert json.loads((place / folder.RECORD).read_text())["unofficial"] == UNOFFICIAL
    assert {file.name for file in place.iterdir()} == {*logs.LOG_FILES, folder.RECORD}
    assert [file.name for file in place.parent.iterdir()] == ["single-stream"]


@pytest.mark.parametrize("foreign", ["notes.txt", "search-01/notes.txt"])
def test_a_folder_with_a_file_of_somebody_else_is_not_written_over(known, tmp_path, foreign):
    test_a_record_is_kept_with_its_logs_and_reads_back_as_it_was(known, tmp_path)
    place = folder.folder_of(tmp_path / "out", CASE, Scenario.SINGLE_STREAM)
    (place / foreign).parent.mkdir(exist_ok=True)
    (place / foreign).write_text("mine")
    with pytest.raises(ValueError, match="was not written by mnv2bench loadgen"):
        folder.require_free(place)


def test_a_folder_whose_record_is_damaged_is_refused_with_its_name(tmp_path):
    place = folder.folder_of(tmp_path, CASE, Scenario.OFFLINE)
    place.mkdir(parents=True)
    (place / folder.RECORD).write_text('{"case": 1}')
    with pytest.raises(ValueError, match=r"record\.json is no record of mnv2bench loadgen"):
        folder.require_free(place)
    with pytest.raises(ValueError, match=r"record\.json is no record of mnv2bench loadgen"):
        folder.records(tmp_path)


def test_a_run_that_is_interrupted_leaves_what_stood_there_before(tmp_path):
    place = folder.folder_of(tmp_path, CASE, Scenario.OFFLINE)
    with pytest.raises(KeyboardInterrupt), folder.staged(place) as staged:
        (staged / logs.SUMMARY).write_text("half")
        raise KeyboardInterrupt
    assert list(place.parent.iterdir()) == []
