"""Any mutation of a valid file is refused by name, or is a valid file: never a traceback and never a silent loss."""

import json
from datetime import timedelta

import pytest
from fuzz import KINDS, mutated
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_damaged_files import journal  # noqa: F401  a fixture

from mnv2bench.case import Case
from mnv2bench.records import SCHEMA, Memory, Process, Samples
from mnv2bench.records.encoding import process_from_json, process_to_json
from mnv2bench.records.journal import Unusable, load
from mnv2bench.records.json_text import dumps
from mnv2bench.records.rounds import Round

QUICK = settings(
    max_examples=50,
    derandomize=True,
    database=None,
    deadline=timedelta(seconds=5),
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
NS = st.integers(1, 10**9)
TEXTS = st.text(st.characters(codec="utf-8"), max_size=30)
ROUNDS = st.builds(
    lambda durations, idle, cpu, waits: Round(tuple(durations), sum(durations) + idle, cpu, *waits),
    st.lists(NS, min_size=1, max_size=5),
    st.integers(0, 10**6),
    st.integers(0, 10**8),
    st.tuples(*[st.none() | st.integers(0, 10**8)] * 3),
)
SAMPLES = st.builds(
    Samples,
    rounds=st.lists(ROUNDS, min_size=1, max_size=4).map(tuple),
    import_s=st.none() | st.floats(0, 10),
    memory=st.none() | st.just(Memory(1, 2, 3, 5, first=4)),
    error=st.none() | st.floats(0, 1e-4),
    separation=st.none() | st.floats(0, 2),
    settings=st.dictionaries(TEXTS, TEXTS, max_size=3),
)
PROCESSES = st.builds(
    lambda samples, seed: Process(Case(), 0, 0, seed, "ok", "", 100.0, samples), SAMPLES, st.integers(0, 2**31)
)


@QUICK
@given(PROCESSES)
def test_every_process_comes_back_from_its_line_exactly_as_it_was(process):
    assert process_from_json(json.loads(dumps(process_to_json(process)))) == process
    assert process_from_json(json.loads(dumps({"line": "process", **process_to_json(process)})), SCHEMA) == process


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(st.integers(0, 2**32))
def test_a_mutated_journal_is_refused_by_name_or_loads(journal, kind, seed):  # noqa: F811
    whole = journal.read_bytes()
    target = journal.with_name("mutated.jsonl")
    target.write_bytes(mutated(whole, kind, seed))
    try:
        records = load(target)
    except Unusable as error:
        assert str(error).startswith(f"{target} ")
        return
    if kind not in ("another value", "flipped bytes"):  # no reader can know these
        expected = {record.case: record.processes for record in load(journal)}
        for record in records:
            assert record.processes == expected[record.case][: len(record.processes)]
