"""Files are never destroyed: what a verb writes is whole or not at all, and never over what is not its own."""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

import mnv2bench
from mnv2bench.cli import app
from mnv2bench.comparison.page import PAGE
from mnv2bench.comparison.tidy import TABLE
from mnv2bench.files import Product, Sort, beside, printable, require_writable, write, write_whole

FROZEN = Path(__file__).parent / "frozen"
NOTES = Sort("page of notes", ".md")
PICTURE = Sort("picture of notes", ".svg", earlier="<title>notes")


@pytest.fixture
def saved(tmp_path):
    """A measurement without profiles, in a folder of its own: saved("a/run.jsonl")."""

    def copy(name="run.jsonl"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(FROZEN / "schema1.jsonl", path)
        return path

    return copy


@pytest.fixture
def report():
    """Run `mnv2bench report` in this process, and return its exit code."""

    def run(*words):
        return CliRunner().invoke(app, ["report", *map(str, words)], catch_exceptions=False).exit_code

    return run


@pytest.fixture
def refused():
    """Run a report that is refused: one line, exit code 2. Returns the line."""

    def run(*words):
        ran = CliRunner().invoke(app, ["report", *map(str, words)])
        assert isinstance(ran.exception, ValueError), ran.output  # `main` makes a line and exit code 2 of it
        assert ran.output == ""
        assert "\n" not in str(ran.exception)
        return str(ran.exception)

    return run


# names


@pytest.mark.parametrize(
    ("measurement", "page"),
    [
        ("0001_first.json", "0001_first.md"),
        ("night.journal.jsonl", "night.journal.md"),
        ("run.2026.jsonl", "run.2026.md"),
        ("a_0.35", "a_0.35.md"),
        ("x.csv", "x.csv.md"),
        ("x.json.jsonl", "x.json.md"),
    ],
)
def test_only_the_suffix_of_a_measurement_is_left_out_of_its_products_name(measurement, page):
    assert beside(Path("folder", measurement), ".md") == Path("folder", page)


def test_measurements_whose_names_differ_behind_a_dot_have_reports_of_their_own(saved, tmp_path, report):
    for name in ("a_0.35", "a_0.5", "run.2026.jsonl", "run.2027.jsonl"):
        assert report(str(saved(name))) == 0
    assert sorted(path.name for path in tmp_path.glob("*.csv")) == [
        "a_0.35.csv", "a_0.5.csv", "run.2026.csv", "run.2027.csv",
    ]  # fmt: skip


def test_a_name_on_one_line_shows_what_cannot_be_printed():
    assert printable(Path(os.fsdecode(b"caf\xe9\n--.md"))) == "caf\\udce9\\n--.md"


# what is not replaced


def test_a_measurement_with_the_name_of_a_table_is_not_its_own_table(saved, report):
    measured = saved("x.csv")
    before = measured.read_bytes()
    assert report(str(measured)) == 0
    assert measured.read_bytes() == before
    assert measured.with_name("x.csv.csv").read_text().startswith("case,")


@pytest.mark.parametrize("option", ["--csv", "--markdown"])
@pytest.mark.parametrize("link", [None, "symlink_to", "hardlink_to"])
def test_no_report_is_written_over_its_own_measurement(saved, refused, tmp_path, option, link):
    measured = saved()
    place = measured
    if link:
        place = tmp_path / "other name"
        getattr(place, link)(measured)
    before = measured.read_bytes()
    assert "is what is read or measured here" in refused(measured, option, place)
    assert measured.read_bytes() == before
    assert not (tmp_path / "run.md").exists()


def test_a_report_is_not_written_over_one_of_many_measurements(saved, refused):
    first, second = saved("a.jsonl"), saved("b.jsonl")
    before = second.read_bytes()
    assert "b.jsonl is what is read or measured here" in refused(first, second, "--markdown", second)
    assert second.read_bytes() == before


def test_page_and_table_are_two_files(saved, refused, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    line = refused(saved(), "--csv", tmp_path / "folder" / "X", "--markdown", tmp_path / "link" / "X")
    assert "are the same file: name two" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "link", "run.jsonl"]
    assert list((tmp_path / "folder").iterdir()) == []


@pytest.mark.parametrize("content", ["my notes\n", "# My notes\nabout MobileNetV2\n", "case,ms,source\nx,1,y\n", "{}"])
@pytest.mark.parametrize("name", ["run.md", "run.csv"])
def test_what_somebody_else_wrote_is_not_replaced(saved, refused, tmp_path, name, content):
    measured = saved()
    (tmp_path / name).write_text(content)
    sort = {"run.md": "report page", "run.csv": "report table"}[name]
    assert f"{name} was not written as a {sort} by mnv2bench: name another file" in refused(measured)
    assert (tmp_path / name).read_text() == content
    assert len(list(tmp_path.iterdir())) == 2


def test_an_empty_file_and_ones_own_report_are_replaced(saved, tmp_path, report):
    measured = saved()
    (tmp_path / "run.md").touch()  # as mktemp makes one
    assert report(str(measured)) == 0
    before = (tmp_path / "run.md").read_bytes()
    assert before.endswith(b'\n<!-- mnv2bench, report page: ["run.jsonl"] -->\n')
    assert report(str(measured)) == 0
    assert (tmp_path / "run.md").read_bytes() == before


def test_a_page_of_an_earlier_version_is_replaced_and_one_with_notes_below_it_is_not(saved, tmp_path):
    measured = saved()
    page = Product(tmp_path / "run.md", PAGE, (measured,))
    page.path.write_text("# MobileNetV2 benchmark\n\n## The machine\n")
    write({page: "# MobileNetV2 benchmark\n"})
    page.path.write_text(page.path.read_text() + "\nWhat I think of it.\n")
    with pytest.raises(ValueError, match=r"run\.md was not written as a report page by mnv2bench"):
        write({page: "# MobileNetV2 benchmark\n"})
    assert page.path.read_text().endswith("What I think of it.\n")


def test_a_table_with_fewer_of_our_columns_is_of_an_earlier_version():
    assert TABLE.columns[0] == "case"
    assert TABLE.columns[-1] == "source"


def test_a_table_of_an_earlier_version_is_replaced(saved, tmp_path):
    measured = saved()
    table = Product(tmp_path / "run.csv", TABLE, (measured,))
    table.path.write_text("case,network,width,source\nx,y,1.0,run.jsonl\n")
    write({table: "new\n"})
    assert table.path.read_text() == "new\n"


@pytest.mark.parametrize("option", ["--csv", "--markdown"])
def test_a_report_of_another_file_is_not_replaced(saved, refused, tmp_path, option, report):
    first, second = saved("a.jsonl"), saved("b.jsonl")
    assert report(str(first)) == 0
    place = tmp_path / {"--csv": "a.csv", "--markdown": "a.md"}[option]
    before = place.read_bytes()
    assert f"{place} is the report " in (line := refused(second, option, place))
    assert " of a.jsonl: name another file" in line
    assert place.read_bytes() == before


@pytest.mark.parametrize("option", ["--csv", "--markdown"])
def test_two_measurements_of_one_name_do_not_share_a_report(saved, refused, tmp_path, option, report):
    first, second = saved("a/0001.json"), saved("c/0001.json")
    assert report(str(first)) == 0
    place = first.with_suffix({"--csv": ".csv", "--markdown": ".md"}[option])
    before = place.read_bytes()
    assert f"{place} is the report " in refused(second, option, place)
    assert place.read_bytes() == before
    assert report(str(second)) == 0  # its own places are free
    assert (tmp_path / "c" / "0001.md").exists()


@pytest.mark.parametrize("name", ["=1+1.jsonl", "'x.jsonl", "two  spaces.jsonl", "-x.jsonl", "@é.jsonl"])
def test_a_report_is_recognised_whatever_its_measurement_is_called(saved, report, name):
    measured = saved(name)
    assert [report(measured), report(measured)] == [0, 0]


def test_a_report_of_more_files_replaces_that_of_fewer_and_moves_with_them(saved, tmp_path, report):
    files = [str(saved(f"a/{name}.jsonl")) for name in "xyz"]
    places = ("--csv", str(tmp_path / "a" / "all.csv"), "--markdown", str(tmp_path / "a" / "all.md"))
    assert report(*files[:2], *places) == 0
    assert report(*files, *places) == 0
    (tmp_path / "a").rename(tmp_path / "b")
    moved = [word.replace(str(tmp_path / "a"), str(tmp_path / "b")) for word in (*files, *places)]
    assert report(*moved) == 0


def test_profile_pages_lie_beside_their_own_files(tmp_path, report):
    for folder, fingerprint in (("a", "machine-a"), ("c", "machine-c")):
        text = (FROZEN / "schema4_profiles.jsonl").read_text()
        (tmp_path / folder).mkdir()
        before = '"fingerprint":"'
        start = text.index(before) + len(before)
        end = text.index('"', start)
        (tmp_path / folder / "0001.json").write_text(text[:start] + fingerprint + text[end:])
    files = [tmp_path / folder / "0001.json" for folder in "ac"]
    assert report(*map(str, files)) == 0
    for folder, other in (("a", "c"), ("c", "a")):
        page = (tmp_path / folder / "0001.profile.md").read_text()
        assert f"machine-{folder}" in page
        assert f"machine-{other}" not in page


PROFILED = "mobilenet_v2_0.35_64-b1-fake-cpu-fp32-t1"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("x.jsonl", '{"line":"head"}\n', "x.jsonl is what is read or measured here: name another file for the trace"),
        ("notes", "mine", "notes was not written as a trace by mnv2bench: name another file"),
        ("old.json", '{"traceEvents": []}', "old.json was not written as a trace by mnv2bench: name another file"),
        ("x.profile.md", "", "x.profile.md are the same file: name two"),
    ],
)
def test_a_trace_is_written_over_nothing(tmp_path, name, content, reason):
    (tmp_path / name).write_text(content)
    words = ["profile", PROFILED, "--out", str(tmp_path / "x.jsonl"), "--trace", str(tmp_path / name)]
    ran = CliRunner().invoke(app, words)
    assert isinstance(ran.exception, ValueError)
    assert reason in str(ran.exception)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, content)]


# whole or not at all


def test_a_product_is_utf_8_with_any_name_and_any_locale(saved, tmp_path, command, report):
    measured = saved(os.fsdecode(b"caf\xe9 -- >.jsonl"))
    ran = command("mnv2bench", "report", str(measured), LC_ALL="C", PYTHONUTF8="0", PYTHONCOERCECLOCALE="0")
    assert (ran.returncode, ran.stderr) == (0, "")
    page = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9 -- >.md")).read_text(encoding="utf-8")
    assert "–" in page
    assert page.endswith('\n<!-- mnv2bench, report page: ["caf\\udce9 -\\u002d \\u003e.jsonl"] -->\n')
    assert report(str(measured)) == 0  # it is recognised


def test_a_file_that_does_not_fit_leaves_every_file_as_it_was(saved, started, tmp_path):
    measured = saved()
    for name, content in (("run.md", "# MobileNetV2 benchmark\nold\n"), ("run.csv", "case,source\nx,run.jsonl\n")):
        (tmp_path / name).write_text(content)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    ran = started("mnv2bench", "report", str(measured), largest_file=1000)
    printed, complaint = ran.communicate()
    assert (ran.returncode, printed) == (2, "")
    assert complaint == (
        f"mnv2bench: {tmp_path / 'run.md'} could not be written (File too large); what stood there is as it was: "
        "make room, or name another file\n"
    )
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 64 KiB of its own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True)
    if mounted.returncode:
        pytest.skip("only root may mount a small disk here: the same by a limit of file sizes is tested above")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_line_and_the_old_page_stays(saved, command, small_disk):
    page = small_disk / "page.md"
    page.write_text("# MobileNetV2 benchmark\nold\n")
    (small_disk / "rest").write_bytes(bytes(56_000))
    ran = command("mnv2bench", "report", str(saved()), "--markdown", str(page), "--csv", str(small_disk / "t.csv"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "could not be written (No space left on device)" in ran.stderr
    assert len(ran.stderr.splitlines()) == 1
    assert page.read_text() == "# MobileNetV2 benchmark\nold\n"
    assert sorted(path.name for path in small_disk.iterdir()) == ["page.md", "rest"]


def test_a_link_is_written_through_and_a_files_mode_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    place, link = tmp_path / "elsewhere" / "page.md", tmp_path / "page.md"
    link.symlink_to(place)
    page = Product(link, NOTES)
    write({page: "first\n"})
    place.chmod(0o640)
    write({page: "second\n"})
    assert link.is_symlink()
    assert place.read_text() == "second\n<!-- mnv2bench, page of notes: [] -->\n"
    assert place.stat().st_mode & 0o777 == 0o640
    assert [path.name for path in place.parent.iterdir()] == ["page.md"]


def test_a_new_file_may_be_read_by_whom_the_umask_allows(tmp_path):
    before = os.umask(0o027)
    try:
        write_whole(tmp_path / "file", b"content")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("name", ["folder", "circle", "missing/page.md"])
def test_a_place_where_no_file_can_be_is_refused_by_name(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "circle").symlink_to("circle")
    with pytest.raises(ValueError, match=name.partition("/")[0]):
        require_writable([Product(tmp_path / name, NOTES)])


def test_a_picture_keeps_what_a_picture_of_another_sort_is(tmp_path):
    file = tmp_path / "x.svg"
    file.write_text("<svg><title>notes of 2025</title></svg>\n")
    for _ in range(2):
        write({Product(file, PICTURE): "<svg><title>notes</title></svg>"})
    assert file.read_text() == "<svg><title>notes</title></svg>\n<!-- mnv2bench, picture of notes: [] -->\n"
    with pytest.raises(ValueError, match="was not written as a page of notes"):
        write({Product(file, NOTES): "text"})


WRITING_AGAIN = """
import os, sys
from pathlib import Path
from mnv2bench.files import Product, Sort, write
if os.geteuid() == 0:
    os.chown(sys.argv[1], 65534, 65534)
    os.setresuid(65534, 65534, 65534)  # root may write to everything
page = Product(Path(sys.argv[1], "x.md"), Sort("page of notes", ".md"))
write({page: "first\\n"})
page.path.chmod(0o444)
try:
    write({page: "second\\n"})
except ValueError as error:
    print(error)
"""


def test_a_write_protected_file_stays():
    with tempfile.TemporaryDirectory() as folder:
        ran = subprocess.run([sys.executable, "-c", WRITING_AGAIN, folder], capture_output=True, text=True)
        assert ran.stderr == ""
        page = Path(folder, "x.md")
        assert ran.stdout == f"{page} is write-protected: name another file, or move that one away first\n"
        assert page.read_text().startswith("first\n")


@pytest.mark.parametrize("redirected", [False, True])
def test_a_table_may_go_to_the_standard_output(saved, tmp_path, redirected):
    out = tmp_path / "out.txt"
    words = [Path(sys.executable).parent / "mnv2bench", "report", saved(), "--csv", "/dev/stdout"]
    with out.open("w") as file:
        ran = subprocess.run(words, stdout=file if redirected else subprocess.PIPE, text=True, check=True)
    printed = out.read_text() if redirected else ran.stdout
    assert printed.startswith("case,variant,network,")
    pictures = [f"picture:  {tmp_path / name}\n" for name in ("run.answer.svg", "run.answer-dark.svg")]
    assert printed.endswith(f"Markdown: {tmp_path / 'run.md'}\nCSV:      /dev/stdout\n{''.join(pictures)}")


def test_a_pipe_and_the_null_device_are_written_and_stay_what_they_are(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE, text=True) as reader:
        write({Product(pipe, NOTES): "one\n", Product(Path("/dev/null"), NOTES): "two\n"})
        assert reader.communicate()[0].startswith("one\n")
    assert pipe.is_fifo()


def test_files_come_before_the_terminal(saved, tmp_path):
    with Path("/dev/full").open("w") as full:
        words = [Path(sys.executable).parent / "mnv2bench", "report", saved()]
        ran = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True)
    assert ran.returncode != 0
    assert (tmp_path / "run.md").stat().st_size > 1000
    assert "Traceback" not in ran.stderr


WRITES = re.compile(r"\.write_text\(|\.write_bytes\(|\.open\(\"[wax]|to_csv\((?!index)|savefig\(|with_suffix\(")


@pytest.mark.parametrize("package", ["cli", "comparison", "report", "records", "regression/pages", "profiling/pages"])
def test_no_verb_has_a_way_of_its_own_to_write_a_file(package):
    files = sorted((Path(mnv2bench.__file__).parent / package).rglob("*.py"))
    assert [f"{file}: {line}" for file in files for line in file.read_text().splitlines() if WRITES.search(line)] == []


@pytest.mark.parametrize("words", [("report", "a"), ("run", "--backends", "fake", "--no-wait", "--out", "a")])
def test_links_in_a_circle_are_one_line(command, tmp_path, monkeypatch, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    ran = command("mnv2bench", *words)
    assert ran.returncode == 2
    assert ran.stderr == "mnv2bench: a is a link that leads nowhere: name another file\n"
