"""selfcheck.json: what the self-checks of a machine measured, written a part at a time and read with every check."""

import json
from datetime import UTC, datetime

import pytest

from mnv2bench import Case
from mnv2bench.records import Plan
from mnv2bench.records.journal import Unusable
from mnv2bench.records.selfcheck import Campaign, IdenticalCampaigns, IdenticalCase, SelfChecks, file_of, keep, read

MACHINE = "amd-epyc-2c-91b453ef"
EAGER = Case(backend="torch_eager").id
AA = IdenticalCampaigns(
    when=datetime(2026, 11, 26, 10, tzinfo=UTC),
    commit="b8f1e0b",
    libraries={"torch": "2.13.0"},
    plan=Plan(processes=2),
    cases=(
        IdenticalCase(
            EAGER, (Campaign((-4.31, -4.30), (0.0135, 0.0136)), Campaign((-4.29, -4.28), (0.0138, 0.0139))), "same"
        ),
    ),
)


def test_a_machine_that_nobody_checked_has_no_checks(tmp_path):
    assert read(tmp_path, MACHINE) == SelfChecks(MACHINE)
    assert read(tmp_path, MACHINE).aa is None


def test_what_is_kept_is_read_again_and_lies_in_the_machines_folder(tmp_path):
    assert keep(tmp_path, MACHINE, aa=AA) == read(tmp_path, MACHINE) == SelfChecks(MACHINE, AA)
    path = tmp_path / MACHINE / "selfcheck.json"
    assert path == file_of(tmp_path, MACHINE)
    assert json.loads(path.read_text())["aa"]["cases"][0]["campaigns"][0]["levels"] == [-4.31, -4.30]
    assert list(path.parent.iterdir()) == [path]


def edited(tmp_path, change):
    keep(tmp_path, MACHINE, aa=AA)
    path = file_of(tmp_path, MACHINE)
    path.write_text(change(path.read_text()))
    return path


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda text: "", "is damaged"),
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: "[]", "is damaged"),
        (lambda text: text.replace("-4.31", "NaN"), "is damaged"),
        (lambda text: text.replace("-4.31", "-4310"), "is damaged"),
        (lambda text: text.replace("-4.31,", ""), "a process has a level and a median, or neither"),
        (lambda text: text.replace("0.0135", "-0.0135"), "is damaged"),
        (lambda text: text.replace(EAGER, "no-case"), "is damaged"),
        (lambda text: text.replace('"verdict"', '"verdikt"'), "unknown field `verdikt`"),
        (lambda text: text.replace("2026-11-26T10:00:00Z", "2026-11-26T10:00:00"), "is damaged"),
        (lambda text: text.replace(f'"{MACHINE}"', '"another-machine"'), "is of another machine (another-machine)"),
        (lambda text: text.replace('"schema": 1', '"schema": 2'), "is of a newer schema than 1"),
        (lambda text: "[" * 100_000, "is damaged"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_exactly_right_is_refused_by_name_and_not_written_over(tmp_path, change, reason):
    path = edited(tmp_path, change)
    before = path.read_bytes()
    for attempt in (lambda: read(tmp_path, MACHINE), lambda: keep(tmp_path, MACHINE, aa=AA)):
        with pytest.raises(Unusable) as refused:
            attempt()
        assert str(path) in str(refused.value)
        assert reason in str(refused.value)
        assert str(refused.value).endswith(("selfcheck --only aa --save", "pip install --upgrade mnv2bench"))
    assert path.read_bytes() == before


def test_a_case_that_stands_twice_is_refused():
    with pytest.raises(ValueError, match="a case that stands twice"):
        IdenticalCampaigns(AA.when, AA.commit, AA.libraries, AA.plan, AA.cases * 2)


def test_a_folder_in_place_of_the_file_is_refused_by_name(tmp_path):
    file_of(tmp_path, MACHINE).mkdir(parents=True)
    with pytest.raises(Unusable, match=r"selfcheck\.json cannot be read \(Is a directory\)"):
        read(tmp_path, MACHINE)
