"""The columns of the CSV: each is declared once, and docs/columns.md is made from the declarations."""

from pathlib import Path

import pytest

from mnv2bench.comparison.columns import COLUMNS
from mnv2bench.comparison.columns_page import columns_page
from mnv2bench.report.column import Column, Shown, cells_in
from mnv2bench.report.evaluation import Evaluation
from mnv2bench.statistics.latency import Speedups

PAGE = Path(__file__).parents[1] / "docs" / "columns.md"


def test_the_page_of_columns_is_what_the_declarations_say():
    renew = "run: python -m mnv2bench.comparison.columns_page docs/columns.md"
    assert PAGE.read_text(encoding="utf-8") == columns_page(), f"docs/columns.md is stale, {renew}"


def test_no_two_columns_have_one_name_and_no_two_stand_at_one_place_of_a_table():
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names) >= 81
    places = [(shown.table, shown.place) for column in COLUMNS for shown in column.shown]
    assert len(set(places)) == len(places)


@pytest.mark.parametrize("column", COLUMNS, ids=lambda column: column.name)
def test_the_meaning_of_a_column_is_a_sentence_on_one_line(column):
    assert column.meaning[0].isupper() or column.meaning[0] == "`"
    assert column.meaning.endswith(".")
    assert "|" not in column.meaning
    assert "\n" not in column.meaning


def test_a_table_shows_its_columns_from_left_to_right_by_their_places():
    columns = (
        Column("b_ms", float, lambda e: 2.0, "B.", (Shown("A table", 2, "b ms", str),)),
        Column("a_ms", float, lambda e: 1.0, "A.", (Shown("A table", 1, "a ms", str), Shown("Another", 1, "a", str))),
        Column("c_ms", float, lambda e: 3.0, "C."),
    )
    cells = cells_in("A table", columns)
    assert list(cells) == ["a ms", "b ms"]
    assert [cell(None) for cell in cells.values()] == ["1.0", "2.0"]


def test_a_costly_number_is_computed_once_for_all_columns_and_tables():
    calls = []

    def costly(record):
        calls.append(record)
        return 5.0

    evaluation = Evaluation(record="a record", source="", speedups=Speedups(), find_flags=lambda record: ())
    assert (evaluation.of(costly), evaluation.of(costly)) == (5.0, 5.0)
    assert calls == ["a record"]


def test_two_evaluations_share_no_numbers():
    first, second = (Evaluation(record, "", Speedups(), lambda record: ()) for record in ("first", "second"))
    assert (first.of(str.upper), second.of(str.upper)) == ("FIRST", "SECOND")
