"""A line that is decoded straight into its type is the value of the long way; what is unusual is left to that."""

import json

import pytest
from fuzz import KINDS, mutated
from hypothesis import given
from hypothesis import strategies as st
from test_damaged_files import PROCESS, journal, lines_of  # noqa: F401  a fixture
from test_fuzz import PROCESSES, QUICK
from test_records import PASSES, QUIET

from mnv2bench.case import Case
from mnv2bench.records import SCHEMA, Checks, Counts, Gpu, Process, Samples, replace
from mnv2bench.records.direct import direct
from mnv2bench.records.encoding import ProcessLine, built, parsed, process_to_json
from mnv2bench.records.json_text import dumps
from mnv2bench.records.rounds import GpuState

DIRECT = direct(ProcessLine)


def line(process):
    return dumps({"line": "process", **process_to_json(process)}).encode()


def long_way(text):
    try:
        return built(parsed(text), ProcessLine, SCHEMA)
    except ValueError:
        return None


@QUICK
@given(PROCESSES)
def test_a_line_without_backslashes_is_decoded_directly_to_what_the_long_way_gives(process):
    text = line(process)
    expected = None if b"\\" in text else long_way(text)
    assert DIRECT.value(text) == expected


def test_counts_and_passes_of_a_gpu_are_decoded_directly_too():
    state = GpuState(1500, reasons=("a: b", "sw power cap"))
    passes = replace(PASSES, state=state)
    checks = Checks(peak="by: a")
    samples = Samples((), (replace(QUIET, gpu=passes),), gpu=Gpu({"name": "H200: x"}, state), checks=checks)
    counts = Counts((100, 90), classes={"fp": 9})
    emulated = Case(backend="ncnn", device="qemu:cortex-a76")
    on_gpu = Process(Case(device="cuda"), 0, 0, 1, "ok", "", 1.0, samples)
    counted = Process(emulated, 0, 0, 1, "ok", "", 1.0, counts=counts)
    for process in (on_gpu, counted):
        value = DIRECT.value(line(process))
        assert value == long_way(line(process))
        assert value is not None


@pytest.mark.parametrize("space", [b"", b" ", b"\n", b"\t"])
@pytest.mark.parametrize("name", ["seed", "error", "durations_ns"])
def test_a_field_that_stands_twice_is_never_decoded_directly(journal, name, space):  # noqa: F811
    text = json.dumps(lines_of(journal)[PROCESS]).encode()
    assert DIRECT.value(text) is not None
    key = f'"{name}"'.encode()
    value = text.partition(key + b": ")[2].partition(b",")[0]
    twice = text.replace(key, key + space + b":" + value + b", " + key, 1)
    assert twice != text
    assert DIRECT.value(twice) is None


def test_a_line_is_decoded_directly_however_it_is_indented(journal):  # noqa: F811
    fields = lines_of(journal)[PROCESS]
    assert DIRECT.value(json.dumps(fields, indent=4).encode()) == long_way(dumps(fields).encode())


@pytest.mark.parametrize("durations", ["", "1  2", "01 2", "1,2", "-1 2", "1 2.5", "1 2e3", "0 1", " 1", "1 ١"])
def test_durations_that_are_spelt_in_another_way_are_left_to_the_long_way(journal, durations):  # noqa: F811
    fields = lines_of(journal)[PROCESS]
    fields["samples"]["rounds"][0]["durations_ns"] = durations
    text = json.dumps(fields, ensure_ascii=False).encode()
    assert DIRECT.value(text) is None


@pytest.mark.parametrize("kind", KINDS)
@QUICK
@given(st.integers(0, 2**32))
def test_whatever_is_decoded_directly_of_a_mutated_line_is_what_the_long_way_gives(journal, kind, seed):  # noqa: F811
    for text in mutated(journal.read_bytes(), kind, seed).splitlines():
        value = DIRECT.value(text)
        assert value is None or value == long_way(text)
