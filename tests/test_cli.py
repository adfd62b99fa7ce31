"""The command line, in processes of its own: every verb, what bad input says, and how Ctrl-C ends."""

import importlib.metadata
import json
import re
import shlex
import signal

import psutil
import pytest
from rich.console import Console
from rich.text import Text
from typer.main import get_command
from typer.testing import CliRunner

from mnv2bench import Case, backends
from mnv2bench.cli import app
from mnv2bench.cli.verbs import EXAMPLES, GROUPS, ORDER
from mnv2bench.machine import FINGERPRINTED
from mnv2bench.records.journal import load
from mnv2bench.selection import FLAGS, OPTIONS

FAKE = ("--suites", "latency", "--backends", "fake", "--widths", "0.35", "--threads", "1")
BRIEF = ("--processes", "1", "--rounds", "1")
TORCH_ON_CUDA = ("torch_eager", "torch_script", "torch_compile", "torch_compile_cudagraphs")


def words(out, *more, resolutions="64"):
    return ("mnv2bench", "run", *FAKE, *BRIEF, "--resolutions", resolutions, "--out", str(out), *more)


@pytest.fixture(scope="module")
def journal(command, tmp_path_factory):
    """The fake at one variant that works and one that crashes; `said` is what the command printed."""
    out = tmp_path_factory.mktemp("cli") / "new folder" / "fake.jsonl"
    ran = command(*words(out, resolutions="96,64"), MNV2BENCH_FAKE="mobilenet_v2_0.35_64=segfault")
    out.with_suffix(".said").write_text(ran.stdout)
    assert (ran.returncode, ran.stderr) == (1, "")
    return out


# run


def test_run_measures_writes_down_and_says_what_did_not_run(journal):
    good, bad = load(journal)
    assert (good.case, good.status) == (Case(width=0.35, resolution=96, backend="fake"), "ok")
    assert (bad.status, bad.reason) == ("failed", "worker ended by SIGSEGV")
    assert (good.plan.processes, good.plan.rounds) == (1, 1)
    said = journal.with_suffix(".said").read_text()
    assert "4 of 4 processes" in said  # with a test of each accuracy
    assert "Where the time went" in said
    assert "failed: mobilenet_v2_0.35_64-b1-fake-cpu-fp32-t1: worker ended by SIGSEGV\n" in said
    assert re.search(
        r"\nDO NOT USE: 1 of 1 rows (noisy|with accuracy lost|without a bound of latency)", said
    )  # of one process
    assert "1 of 22 variants: it" in said
    assert f"records: {journal}\nreport:  mnv2bench report {journal}\n" in said


def test_a_quiet_run_prints_what_failed_and_a_named_backend_that_is_missing_is_a_failure(command, tmp_path):
    out = tmp_path / "quiet.jsonl"
    ran = command(*words(out, "--quiet"), MNV2BENCH_FAKE="mobilenet_v2_0.35_64=unavailable")
    assert (ran.returncode, ran.stderr) == (1, "")
    assert ran.stdout == (
        "unavailable: mobilenet_v2_0.35_64-b1-fake-cpu-fp32-t1: fake is told to be missing: unset MNV2BENCH_FAKE\n"
        "nothing was measured: unavailable: fake is told to be missing: unset MNV2BENCH_FAKE\n"
    )


def test_a_new_run_keeps_what_stood_under_its_name(command, tmp_path):
    out = tmp_path / "twice.jsonl"
    assert command(*words(out)).returncode == 0
    before = out.read_bytes()
    again = command(*words(out))
    assert again.returncode == 0
    assert f"what stood in {out} is kept as {tmp_path / 'twice.1.jsonl'}" in again.stdout
    assert (tmp_path / "twice.1.jsonl").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "--grid", "huge"], "grid 'huge' is not one of brief, quick, published, full"),
        (["run", "--widths", "nan", "--resolutions", "96"], "width must be a number above 0"),
        (["run", "--widths", "0", "--resolutions", "96"], "width must be a number above 0"),
        (["run", "--widths", "0.35,wide"], "--widths takes numbers separated by commas, not '0.35,wide'"),
        (
            ["run", "--widths", "0.75"],
            "grid quick of mobilenet_v2 has no variant with 0.75: name --resolutions too, or another grid",
        ),
        (["run", "--resolutions", "31", "--widths", "1"], "resolution must be a whole number from 32"),
        (["run", "--resolutions", "224.5"], "--resolutions takes sides separated by commas: '224.5' is no resolution"),
        (
            ["run", "--backends", "tensorflow"],
            "backend 'tensorflow' is not one of executorch, litert, ncnn, onnxruntim",
        ),
        (
            ["run", "--devices", "usb:1"],
            "device 'usb:1' is not one of cpu, cuda, cuda:1, adb:SERIAL, ssh:HOST, qemu:CPU: see mnv2bench",
        ),
        (["run", "--devices", "adb:"], "device 'adb:' is not one of cpu, cuda, cuda:1, adb:SERIAL, "),
        (["run", "--precisions", "int4"], "precision 'int4' is not one of fp32, tf32, fp16, bf16, int8"),
        (["run", "--trt-level", "6"], "trt_level is TensorRT's builder optimisation level, 0 to 5, not 6"),
        (["build-runner", "ncnn"], "runtime 'ncnn' is not one of litert, executorch"),
        (["build-runner", "litert", "--target", "ios"], "target 'ios' is not one of android-arm64, "),
        (["build-runner", "litert", "--ndk", "/nowhere"], "/nowhere"),
        (["run", "--networks", "lenet"], "unknown network 'lenet'; known networks: mobilenet_v1, "),
        (["run", "--suites", "memory"], "suite 'memory' is not one of latency, throughput"),
        (["run", "--threads", "0"], "threads must be a whole number from 1"),
        (["run", "--batches", "-1"], "batch must be a whole number from 1"),
        (["run", "--suites", "latency", "--batches", "8"], "no case is left"),
        (["run", "--processes", "0"], "processes must be at least 1, not 0"),
        (["run", "--rounds", "many"], "--rounds takes numbers separated by commas, not 'many'"),
        (["run", "--processes", "3,5"], "--processes"),
        (["run", "--seed", ","], "--seed"),
        (["run", "--seed", "9223372036854775808"], "--seed is at most 9223372036854775807, not 9223372036854775808"),
        (["run", "--processes", "10001"], "--processes is at most 10000, not 10001"),
        (["run", "--rounds", "1000001"], "--rounds is at most 1000000, not 1000001"),
        (["run", "--process-limit", ","], "--process-limit"),
        (["run", "--process-limit", "nan"], "nan"),
        (["run", "--process-limit", "-1"], "-1"),
        (["run", "--weights", "nowhere.pt"], "--weights nowhere.pt: No such file or directory"),
        (["network", "lenet"], "unknown network 'lenet'"),
        (["network", "mobilenet_v2", "--width", "nan"], "width must be a number above 0"),
        (["network", "mobilenet_v2", "--resolution", "0"], "resolution must be a whole number from 32"),
        (["selfcheck", "--only", "luck"], "check 'luck' is not one of "),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_one_line_and_exit_code_2(command, tmp_path, arguments, said):
    if arguments[0] == "run":
        small = [] if "--backends" in arguments else ["--backends", "fake"]  # what is not refused ends soon
        arguments = [*arguments, *small, "--out", str(tmp_path / "never.jsonl")]
    ran = command("mnv2bench", *arguments)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    assert said in ran.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_one_line_and_exit_code_2(command, tmp_path):
    (tmp_path / "file").write_text("not a folder")
    ran = command(*words(tmp_path / "file" / "out.jsonl"))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    assert str(tmp_path / "file") in ran.stderr
    assert "safe" not in ran.stderr  # nothing was measured


@pytest.mark.parametrize("more", [[], ["--resume"]])
def test_a_folder_is_no_place_for_records_and_stays_where_it_is(command, tmp_path, more):
    ran = command(*words(tmp_path, *more))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    assert str(tmp_path) in ran.stderr
    assert "safe" not in ran.stderr
    assert tmp_path.is_dir()
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_what_was_measured_so_far_is_safe(started, tmp_path):
    out = tmp_path / "out.jsonl"
    # a process takes 20 kB as a rule and 120 kB at most, so that some fit in and 30 do not
    full = started(*words(out, "--processes", "30"), largest_file=130_000)
    _, complaint = full.communicate()
    assert full.returncode == 2
    assert re.fullmatch(r"mnv2bench: [^\n]*File too large[^\n]*\n", complaint), complaint
    assert f"what was measured so far is safe in {out}" in complaint
    (record,) = load(out)
    assert record.status == "ok"
    assert 1 <= len(record.processes) < 30
    assert all(samples.rounds for samples in record.samples)


# report


def test_a_report_is_a_page_and_a_table_beside_the_file(command, journal):
    ran = command("mnv2bench", "report", str(journal))
    assert (ran.returncode, ran.stderr) == (0, "")
    page, table = journal.with_suffix(".md"), journal.with_suffix(".csv")
    assert ran.stdout == f"Markdown: {page}\nCSV:      {table}\n"
    assert "worker ended by SIGSEGV" in page.read_text()
    assert len(table.read_text().splitlines()) == 3


def test_a_damaged_file_is_named_and_skipped_and_the_others_are_reported(command, journal, tmp_path):
    damaged, newer = tmp_path / "damaged.jsonl", tmp_path / "newer.jsonl"
    damaged.write_text(journal.read_text().replace('"line":"process"', '"line":process', 1))
    newer.write_text(journal.read_text().replace('"schema":8', '"schema":99', 1))
    page, table = tmp_path / "all.md", tmp_path / "all.csv"
    files = [str(file) for file in (damaged, journal, newer, tmp_path / "missing.json")]
    ran = command("mnv2bench", "report", *files, "--markdown", str(page), "--csv", str(table))
    assert ran.returncode == 1
    skipped = ran.stderr.splitlines()
    assert [line.split(" is ")[0].split(" cannot ")[0] for line in skipped] == [
        f"skipped: {damaged}",
        f"skipped: {newer}",
        f"skipped: {tmp_path / 'missing.json'}",
    ]
    assert "pip install --upgrade mnv2bench" in skipped[1]
    assert len(table.read_text().splitlines()) == 3
    assert "mobilenet_v2_0.35_96" in page.read_text()


def test_nothing_but_damaged_files_makes_no_report(command, tmp_path):
    (tmp_path / "empty.json").write_text("")
    ran = command("mnv2bench", "report", str(tmp_path / "empty.json"))
    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith(f"skipped: {tmp_path / 'empty.json'} is damaged")
    assert [path.name for path in tmp_path.iterdir()] == ["empty.json"]


# the other verbs


def test_paper_shows_the_full_grid_as_a_table_and_writes_markdown_where_it_is_told_to(command, tmp_path):
    ran = command("mnv2bench", "paper")
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = [line.split() for line in ran.stdout.splitlines() if line.startswith("  mobilenet_v2_")]
    assert len(rows) == 30
    assert sum("computed only" in " ".join(row) for row in rows) == 8
    large = "mobilenet_v2_1.0_224 300,774,272 300 300 yes 3,504,872 3,472,041 3.47 71.8 73.8 4.82 6.02"
    assert large.split() in rows
    page = tmp_path / "paper.md"
    ran = command("mnv2bench", "paper", "--markdown", str(page))
    assert (ran.returncode, ran.stdout) == (0, f"Markdown: {page}\n")
    assert "| mobilenet_v2_1.0_224 | 1.0 | 224 | 300,774,272 | 300 | 300 | True | 3,504,872 |" in page.read_text()


def test_network_shows_the_articles_totals(command):
    ran = command("mnv2bench", "network", "mobilenet_v2_article")
    assert (ran.returncode, ran.stderr) == (0, "")
    for number in ("3,505,960", "313.65", "113.28", "14.02", "127.91"):
        assert number in ran.stdout
    assert "|" not in ran.stdout


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        (["mobilenet_v2_0.35_96"], "mobilenet_v2_0.35_96"),
        (["0.35_96"], "mobilenet_v2_0.35_96"),
        (["0.35@96"], "mobilenet_v2_0.35_96"),
        (["mobilenet_v2_0.4_100"], "mobilenet_v2_0.4_100"),
        (["article_1.4_224"], "mobilenet_v2_article_1.4_224"),
        (["mobilenet_v2", "--widths", "0.5"], "mobilenet_v2_0.5_224"),
    ],
)
def test_network_takes_a_variant_and_a_part_of_one(verb, words, shown):
    ran = verb("network", *words)
    assert ran.returncode == 0
    assert ran.out.startswith(f"Layers of {shown}\n")


def test_a_part_of_several_variants_names_the_first_few(verb):
    ran = verb("network", "0.5")
    assert ran.returncode == 2
    assert ran.err == (
        "mnv2bench: '0.5' is part of 5 variants: name one of mobilenet_v2_0.5_224, mobilenet_v2_0.5_192, "
        "mobilenet_v2_0.5_160, mobilenet_v2_0.5_128, mobilenet_v2_0.5_96\n"
    )


def test_a_variant_has_a_width_and_a_resolution_already(verb):
    ran = verb("network", "0.35_96", "--width", "0.5")
    assert ran.returncode == 2
    assert "leave --width and --resolution out" in ran.err


def test_env_is_json_and_names_the_machine(command):
    ran = command("mnv2bench", "env")
    facts = json.loads(ran.stdout)
    assert (ran.returncode, ran.stderr) == (0, "")
    assert set(FINGERPRINTED) <= set(facts)
    assert re.fullmatch(r"[a-z0-9-]+-[0-9a-f]{8}", facts["fingerprint"])
    assert facts["cores"] == len(psutil.Process().cpu_affinity())
    assert facts["libraries"]["torch"].startswith("2.")


@pytest.mark.slow
def test_backends_says_what_works_here_and_what_mends_the_rest(command, tmp_path):
    (tmp_path / "openvino.py").write_text("raise ModuleNotFoundError('No module', name='openvino')")
    ran = command("mnv2bench", "backends", PATH="/nowhere", CXX="", PYTHONPATH=str(tmp_path), COLUMNS="200",
                  CUDA_VISIBLE_DEVICES="")  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, "")
    rows = {}
    for line in ran.stdout.splitlines():
        cells = [cell.strip() for cell in line.strip("│┃").split("│")]
        if len(cells) == 5:
            rows.setdefault(cells[1], {})[cells[0]] = cells[2:]
    assert set(rows["cuda"]) == {"onnxruntime", "tensorrt", *TORCH_ON_CUDA}
    assert {status for status, _, _ in rows["cuda"].values()} == {"unavailable"}
    assert all("NVIDIA driver" in why for _, _, why in rows["cuda"].values())
    assert rows["cuda"]["onnxruntime"][1] == "fp32 tf32 fp16"
    rows = rows["cpu"]
    assert [rows[name][0] for name in ("torch_eager", "torch_script", "onnxruntime")] == ["works"] * 3
    assert rows["torch_eager"][1].startswith("fp32")
    assert rows["onnxruntime"][2].startswith("largest difference ")
    assert rows["openvino"][0] == "unavailable"
    assert rows["openvino"][2] == "openvino is not installed: pip install 'mnv2bench[openvino]'"
    assert rows["torch_compile"][0] == "unavailable"
    assert rows["torch_compile"][2].endswith("apt-get install g++, or set CXX")


@pytest.mark.parametrize("verb", [[], ["--help"], ["run", "--help"]])
def test_help_is_there_without_asking(command, verb):
    ran = command("mnv2bench", *verb)
    assert "Usage: mnv2bench" in ran.stdout + ran.stderr
    assert ran.returncode == (0 if verb else 2)


def test_an_unknown_verb_is_bad_input(command):
    ran = command("mnv2bench", "measure")
    assert ran.returncode == 2
    assert "No such command 'measure'" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_python_m_mnv2bench_is_the_same_command(command):
    ran = command("python", "-m", "mnv2bench", "network", "lenet")
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith("mnv2bench: unknown network 'lenet'")


# Ctrl-C


def test_ctrl_c_ends_the_worker_and_says_how_to_go_on(started, command, tmp_path, wait_for):
    out = tmp_path / "out.jsonl"
    campaign = started(*words(out, resolutions="96,64"), MNV2BENCH_FAKE="mobilenet_v2_0.35_64=hang")
    wait_for(lambda: out.exists() and b'"line":"process"' in out.read_bytes())
    worker = started.worker(campaign)
    campaign.send_signal(signal.SIGINT)
    said, complaint = campaign.communicate(timeout=60)
    assert (campaign.returncode, complaint) == (130, "")
    assert said.endswith(f"interrupted: the same command with --resume goes on from {out}\n")
    assert wait_for(lambda: not worker.is_running())
    assert sorted(len(record.processes) for record in load(out)) == [0, 1]
    resumed = command(*words(out, "--resume", resolutions="96,64"))
    assert (resumed.returncode, resumed.stderr) == (0, "")
    assert [record.status for record in load(out)] == ["ok", "ok"]


def test_a_backend_that_is_named_is_checked_where_it_runs_and_nowhere_else(command):
    ran = command("mnv2bench", "backends", "fake", COLUMNS="200")
    rows = [line.split("│")[1:4] for line in ran.stdout.splitlines() if "fake" in line and "│" in line]
    assert [[cell.strip() for cell in row] for row in rows] == [
        ["fake", "cpu", "works"],
        ["fake", "cuda", "unavailable"],
    ]
    assert ran.returncode == 0


MEASURING = ("run", "profile", "roofline", "duel", "bisect")


@pytest.mark.parametrize("verb", MEASURING)
def test_every_verb_that_measures_takes_all_the_words_that_choose_cases(verb):
    options = {name for parameter in get_command(app).commands[verb].params for name in parameter.opts}
    assert {f"--{name}" for name in (*OPTIONS, *FLAGS)} <= options


@pytest.mark.parametrize(
    "words",
    [
        "run --suite latency --network mobilenet_v2 --width 0.35 --resolution 96 --backend fake --device cpu "
        "--precision fp32 --thread 1 --batch 1 --no-accuracy --dry-run",
        "memory --network mobilenet_v2_article --width 1.0 --resolution 224",
        "memory --networks mobilenet_v2_article --widths 1.0 --resolutions 224",
        "network mobilenet_v2 --widths 0.5 --resolutions 96",
        "paper --networks mobilenet_v2",
    ],
)
def test_a_list_is_written_in_the_singular_or_in_the_plural_in_every_verb(verb, words):
    ran = verb(*words.split())
    assert (ran.returncode, ran.err) == (0, "")


def test_at_80_columns_nothing_in_any_help_is_cut_off(verb, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    for name in ORDER:
        shown = verb(name, "-h").out if name in get_command(app).commands else ""
        assert "…" not in shown
        assert max(map(len, shown.splitlines()), default=0) <= 80


@pytest.mark.parametrize("words", ["paper", "network mobilenet_v2_article_1.4_224", "memory --width 0.35,1.0", "-h"])
def test_at_80_columns_no_table_is_wider_and_no_cell_is_cut_off(verb, monkeypatch, words):
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr(Console, "is_terminal", True)
    shown = Text.from_ansi(verb(*words.split()).out).plain
    assert max(map(len, shown.splitlines())) <= 80
    assert "…" not in shown
    if words == "paper":
        assert "mobilenet_v2_0.75_224 209 209 yes 69.8 55.8" in " ".join(shown.split())


# help


@pytest.mark.parametrize("word", ["-h", "--help"])
def test_help_shows_every_verb_in_a_group(verb, word):
    ran = verb(word)
    assert ran.returncode == 0
    titles = [line.strip("╭─╮ ") for line in ran.out.splitlines() if line.startswith("╭")]
    assert titles == ["Options", *GROUPS]
    assert sorted(get_command(app).commands) == sorted(name for name in ORDER if name in get_command(app).commands)


def test_every_verb_has_a_short_help_an_example_that_it_takes_and_its_exit_codes(verb):
    commands = get_command(app).commands
    for name, command in commands.items():
        words = shlex.split(EXAMPLES[name])
        assert words[:2] == ["mnv2bench", name]
        command.make_context(name, words[2:])  # raises where an option is not there
        ran = verb(name, "-h")
        assert ran.returncode == 0
        shown = " ".join(ran.out.split())
        assert f"Example: {EXAMPLES[name]}" in shown
        assert "Exit codes (docs/exit-codes.md): 0 " in shown


def test_the_version_is_that_of_the_distribution(verb):
    ran = verb("--version")
    assert (ran.returncode, ran.out) == (0, f"mnv2bench {importlib.metadata.version('mnv2bench')}\n")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("profile", "--runner", "x"), "--runner means nothing here: profiles are taken on this machine only"),
        (("roofline", "--runner", "x"), "--runner means nothing here: profiles are taken on this machine only"),
        (("duel", "--old", "python", "--runner", "x"), "--runner means nothing here: each side measures with"),
        (("duel", "--old", "python", "--processes", "3"), "--processes means nothing here: a duel measures pairs"),
    ],
)
def test_an_option_that_means_nothing_to_a_verb_is_refused_by_name_with_the_reason(command, words, reason):
    ran = command("mnv2bench", *words)
    assert ran.returncode == 2
    assert reason in ran.stderr
    assert ran.stdout == ""


@pytest.mark.parametrize("option", ["weights", "backends", "widths", "grid"])
def test_an_option_with_an_empty_text_is_refused_as_an_unset_variable_leaves_it(command, option):
    ran = command("mnv2bench", "run", f"--{option}", "")
    assert ran.returncode == 2
    assert f"--{option} '' names nothing: name a value, or leave the option out" in ran.stderr


def test_a_campaign_that_has_nothing_to_resume_says_so(command, tmp_path):
    small = (*FAKE, "--resolutions", "96", "--processes", "1", "--rounds", "1")
    ran = command("mnv2bench", "run", *small, "--resume", "--out", tmp_path / "nosuch.jsonl")
    assert f"nothing to resume in {tmp_path / 'nosuch.jsonl'}: a new campaign begins" in ran.stdout + ran.stderr


def test_an_option_that_means_nothing_to_a_verb_may_stand_at_its_default():
    assert CliRunner().invoke(app, ["profile", "--runner", "", "--backends", "nosuch"]).exception.args == (
        f"backend 'nosuch' is not one of {', '.join(backends.names())}",
    )
