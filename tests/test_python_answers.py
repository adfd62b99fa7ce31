"""`Results.recommend` and what a notebook shows, from saved files that stand in this repository."""

import base64
import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import mnv2bench as mb

ROOT = Path(__file__).parents[1]
PUBLISHED = ROOT / "results/intel-r-xeon-r-processor-2c-752de294/Linux-CPython-3.11-64bit/0001_published.json"
ELSEWHERE = ROOT / "tests/frozen/schema1.jsonl"  # of another machine


@pytest.fixture(scope="module")
def published():
    return mb.load(PUBLISHED)


@pytest.fixture(scope="module")
def journal(tmp_path_factory):
    """The journal of one case with an interval."""
    path = tmp_path_factory.mktemp("answers") / "fake.jsonl"
    cases = mb.cases(widths=0.35, resolutions=96, backends="fake", threads=1)
    mb.run(cases, processes=3, rounds=1, out=path, quiet=True, accuracy=False)
    return path


def test_the_best_within_a_budget_is_the_most_accurate_whose_upper_bound_fits(published):
    answer = published.recommend(latency_ms=5)
    assert answer.best.case.id == "mobilenet_v2_1.0_192-b1-openvino-cpu-fp32-t1"
    assert answer.best.accuracy == 70.7
    assert answer.best.interval_ms == pytest.approx((3.80, 3.97), abs=0.005)
    assert published.recommend(latency_ms=5, backends="onnxruntime").best.case.backend == "onnxruntime"
    assert published.recommend(latency_ms=5, widths=[0.35], resolutions=96).best.case.variant == "mobilenet_v2_0.35_96"


def test_printed_it_is_the_text_of_the_verb(published, command):
    printed = str(published.recommend(latency_ms=5, backends=["openvino", "onnxruntime"]))
    shown = command(
        "mnv2bench", "recommend", str(PUBLISHED), "--latency", "5ms", "--backends", "openvino,onnxruntime", COLUMNS="80"
    )
    assert shown.returncode == 0, shown.stderr
    assert printed.splitlines() == shown.stdout.rstrip().splitlines()
    assert "Within 5 ms, ship mobilenet_v2_1.0_192 on openvino in fp32: 3.90 (3.80–3.97)" in printed
    assert str(published.recommend()) == command("mnv2bench", "recommend", str(PUBLISHED), COLUMNS="80").stdout.rstrip()


def test_where_nothing_fits_there_is_no_best_and_the_nearest_is_named(published):
    answer = published.recommend(latency_ms=0.1)
    assert answer.best is None
    assert answer.answers[0].nearest.case.id == "mobilenet_v2_0.35_96-b1-openvino-cpu-fp32-t1"
    text = " ".join(str(answer).split())
    assert "Nothing fits" in text
    assert "mobilenet_v2_0.35_96 on openvino in fp32: 0.563 (0.538–0.580) ms" in text


def test_machines_are_shown_side_by_side_and_have_no_common_best(published):
    answer = mb.load(PUBLISHED, ELSEWHERE).recommend()
    assert len(answer.machines) == 2
    with pytest.raises(ValueError, match="the files are of 2 machines, which are not ranked: see `machines`"):
        answer.best  # noqa: B018


@pytest.mark.parametrize(
    ("budgets", "message"),
    [
        ({"latency_ms": "5ms"}, "latency_ms must be a number above 0, not '5ms'"),
        ({"latency_ms": -1}, "latency_ms must be a number above 0, not -1"),
        ({"accuracy": 0.7}, "accuracy=0.7 is one per cent at most: give per cent, such as 70"),
        ({"accuracy": 170}, "accuracy must be a number of per cent, 100 at most, not 170"),
        ({"percentile": 50}, "percentile must be one of 90, 99, 99.9, not 50"),
        ({"cost": "money"}, "cost 'money' is not one of latency, memory, energy"),
        ({"backends": "openvyno"}, "no case has backend openvyno: there are onnxruntime, openvino, "),
        ({"threads": 64}, "no case has threads 64: there are 1"),
    ],
)
def test_a_goal_that_cannot_be_meant_is_refused_in_one_line(published, budgets, message):
    with pytest.raises(ValueError) as refusal:
        published.recommend(**budgets)
    assert str(refusal.value).startswith(message)
    assert "\n" not in str(refusal.value)


def test_a_notebook_shows_the_headline_the_table_the_picture_and_the_first_cases(published):
    html = published._repr_html_()
    assert "Within 5 ms, ship mobilenet_v2_1.0_192 on openvino in fp32" in html
    assert "<td>1.0@128</td><td>openvino</td><td>fp32</td>" in html
    assert "The first 50 of 154 cases; to_frame() has all." in html
    assert html.count('<th scope="row">mobilenet_v2_') == 50
    (picture,) = re.findall(r'<img alt="[^"]+" src="data:image/svg\+xml;base64,([^"]+)"', html)
    drawn = base64.b64decode(picture).decode()
    assert drawn.startswith("<svg")
    assert "openvino" in drawn


def test_a_recommendation_shows_its_rows_its_remarks_and_its_picture(published):
    html = published.recommend(latency_ms=20)._repr_html_()
    assert "Within 20 ms, ship mobilenet_v2_1.4_224 on openvino in fp32" in html
    assert "<li>Runner-up: " in html
    assert html.count("<img ") == 1
    assert "Cases</caption>" not in html


def test_text_of_a_file_is_shown_as_text_in_a_notebook(journal, tmp_path):
    hostile = "<script>alert(1)</script><img src=x onerror=alert(2)>"
    head, *others = journal.read_text().splitlines(keepends=True)
    fields = json.loads(head)
    fields["environment"]["cpu_model"] = hostile
    file = tmp_path / "<b onclick=alert(3)>.jsonl"
    file.write_text("".join([json.dumps(fields, separators=(",", ":")) + "\n", *others]))
    results = mb.load(file)
    for html in (results._repr_html_(), results.recommend()._repr_html_()):
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in html
        assert "&lt;b onclick=alert(3)&gt;.jsonl" in html
        assert "<script" not in html
        assert "<b onclick" not in html
        assert "<img src=x" not in html


def test_a_notebook_draws_one_bar_and_shows_results_and_answers(tmp_path, monkeypatch):
    for name in ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    cells = [
        "import mnv2bench as mb\n"
        "cases = mb.cases(widths=0.35, resolutions=96, backends='fake', threads=1)\n"
        "results = mb.run(cases, processes=2, rounds=1, accuracy=False)",
        f"published = mb.load({str(PUBLISHED)!r})\npublished",
        "published.recommend(latency_ms=5)",
        "results.to_frame()[['variant', 'latency_ms']]",
    ]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    NotebookClient(notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": tmp_path}}).execute()
    run, shown, answer, frame = (cell.outputs for cell in notebook.cells)
    bars = [output.data["text/html"] for output in run if "<progress" in output.get("data", {}).get("text/html", "")]
    assert len(bars) == 1
    assert '<progress max="2" value="2" aria-label="progress"></progress> 2 of 2 processes' in bars[0]
    assert bars[0].endswith("; done")
    for output in (*shown, *answer):
        assert "mobilenet_v2_1.0_192 on openvino in fp32: 3.90 (3.80–3.97) ms" in output.data["text/html"]
        assert 'src="data:image/svg+xml;base64,' in output.data["text/html"]
    assert len(answer) == 1
    assert "5 ms   1.0@192" in answer[0].data["text/plain"]
    assert "<td>mobilenet_v2_0.35_96</td>" in frame[0].data["text/html"]
    assert (tmp_path / "mnv2bench.jsonl").is_file()


def test_a_report_is_what_the_verb_writes(journal, tmp_path, command):
    folder, of_verb = tmp_path / "library", tmp_path / "verb"
    folder.mkdir()
    of_verb.mkdir()
    names = {"markdown": "page.md", "html": "page.html", "csv": "rows.csv", "json": "rows.json"}
    written = mb.load(journal).report(**{name: folder / file for name, file in names.items()})
    options = [f"--{name}={of_verb / file}" for name, file in names.items()]
    ran = command("mnv2bench", "report", str(journal), *options)
    assert ran.returncode == 0, ran.stderr
    assert {path.name for path in written} == {path.name for path in of_verb.iterdir()} >= set(names.values())
    for path in of_verb.iterdir():
        assert (folder / path.name).read_text() == path.read_text(), path.name


def test_a_report_is_refused_without_a_name_and_over_a_file_of_somebody_else(journal, tmp_path):
    with pytest.raises(ValueError, match="no file is named: give markdown, html, csv or json"):
        mb.load(journal).report()
    (tmp_path / "notes.md").write_text("mine")
    with pytest.raises(ValueError, match=r"notes\.md was not written as a report page by mnv2bench"):
        mb.load(journal).report(markdown=str(tmp_path / "notes.md"), csv=tmp_path / "rows.csv")
    assert not (tmp_path / "rows.csv").exists()


SCRIPT = """
from pathlib import Path

import mnv2bench as mb

cases: tuple[mb.Case, ...] = mb.cases(widths=[0.5, 1.0], resolutions=[160], backends=["openvino"], threads=1)
results: mb.Results = mb.run(cases, minutes=5, out=Path("run.jsonl"))
frame = results.to_frame()
print(frame["latency_ms"].min(), len(results.records), results.records[0].status)
answer = mb.load("run.jsonl", Path("other.jsonl")).recommend(latency_ms=5, backends="openvino")
if answer.best:
    print(answer.best.case.id, answer.best.median_ms)
plan: mb.Plan = results.records[0].plan
"""


@pytest.mark.slow
def test_a_script_is_checked_by_mypy_in_strict_mode(tmp_path):
    script, wrong = tmp_path / "script.py", tmp_path / "wrong.py"
    script.write_text(SCRIPT)
    wrong.write_text('import mnv2bench as mb\nmb.run(mb.cases(width=1.0), minutes="5")\n')
    checked = subprocess.run(  # from here, so that it knows what `make types` found
        [sys.executable, "-m", "mypy", "--strict", str(script), str(wrong)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert 'wrong.py:2: error: Unexpected keyword argument "width" for "cases"' in checked.stdout
    assert 'wrong.py:2: error: Argument "minutes" to "run" has incompatible type "str"' in checked.stdout
    assert "Found 2 errors in 1 file (checked 2 source files)" in checked.stdout
