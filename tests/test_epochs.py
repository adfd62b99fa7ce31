"""The file of accepted changes: what is written, how it reads back, and what damage says."""

import tomllib

import pytest

from mnv2bench.regression.history.epochs import Epoch, append, pinned, read, start

SMALL, LARGE = "mobilenet_v2_0.35_96-b1-fake-cpu-fp32-t1", "mobilenet_v2_1.0_224-b1-fake-cpu-fp32-t1"


def epoch(night="0012_nightly", cases=("*",), why="OpenVINO 2026.4", commit="070d53b", libraries=None):
    who, when = "Ada <ada@example.org>", "2026-11-30T04:00:00+00:00"
    return Epoch(night, cases, who, when, why, commit, libraries if libraries is not None else {"torch": "2.13.0"})


@pytest.fixture
def file(tmp_path):
    return tmp_path / "machine-1234" / "epochs.toml"


def test_no_file_is_no_epoch(file):
    assert read(file) == ()
    assert pinned(()) is None
    assert start((), SMALL) is None


def test_the_whole_file_reads_well(file):
    append(file, epoch(libraries={"torch": "2.13.0", "pytest-benchmark": "5.3.1"}))
    append(file, epoch("0020_nightly", (SMALL, LARGE), 'faster "direct" conv', None, {}))
    assert file.read_text() == (
        "# What `mnv2bench accept` wrote, the newest last: from `night` on, the history of `cases` begins anew.\n"
        "\n"
        "[[epoch]]\n"
        'night = "0012_nightly"\n'
        'cases = ["*"]\n'
        'who = "Ada <ada@example.org>"\n'
        'when = "2026-11-30T04:00:00+00:00"\n'
        'why = "OpenVINO 2026.4"\n'
        'commit = "070d53b"\n'
        "[epoch.libraries]\n"
        '"pytest-benchmark" = "5.3.1"\n'
        '"torch" = "2.13.0"\n'
        "\n"
        "[[epoch]]\n"
        'night = "0020_nightly"\n'
        "cases = [\n"
        f'  "{SMALL}",\n'
        f'  "{LARGE}",\n'
        "]\n"
        'who = "Ada <ada@example.org>"\n'
        'when = "2026-11-30T04:00:00+00:00"\n'
        'why = "faster \\"direct\\" conv"\n'
        "[epoch.libraries]\n"
    )
    assert len(tomllib.loads(file.read_text())["epoch"]) == 2


@pytest.mark.parametrize(
    "why",
    [
        "plain",
        'quote " and \\ backslash',
        "]] # [[epoch]]",
        "x\x7fy",
        "tab\tnew\nline",
        "Größe µs 漢字 😀",
        "''' \"\"\"",
    ],
)
def test_what_is_appended_reads_back_the_same(file, why):
    written = (epoch(why=why), epoch("0020_nightly", (SMALL,), why, None, {why: why}), epoch("0021_nightly"))
    for each in written:
        append(file, each)
    assert read(file) == written
    assert [path.name for path in file.parent.iterdir()] == ["epochs.toml"]


def test_the_last_epoch_that_names_a_case_or_all_of_them_is_where_it_starts(file):
    epochs = (epoch("0003_nightly", (LARGE,)), epoch("0012_nightly"), epoch("0020_nightly", (SMALL,)))
    assert start(epochs, SMALL) == "0020_nightly"
    assert start(epochs, LARGE) == "0012_nightly"
    assert start(epochs[:1], SMALL) is None
    assert pinned(epochs) == epochs[2]


def test_what_a_person_wrote_into_the_file_stays(file):
    append(file, epoch())
    noted = file.read_text().rstrip() + "\n# seen on the old kernel, too"  # without a line break at the end
    file.write_text(noted)
    append(file, epoch("0020_nightly"))
    assert file.read_text().startswith(noted + "\n\n[[epoch]]\n")
    assert len(read(file)) == 2


def test_a_comment_alone_is_no_epoch_and_stays(file):
    file.parent.mkdir()
    file.write_text("# ours\n")
    assert read(file) == ()
    append(file, epoch())
    assert file.read_text().startswith("# ours\n\n[[epoch]]\n")


GOOD = '[[epoch]]\nnight="n"\ncases=["*"]\nwho="w"\nwhen="2026-11-30"\nwhy="y"\n'


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[epoch]", "damaged"),
        ("[[epoch]]\n<<<<<<< HEAD\n", "damaged"),
        (GOOD.replace('why="y"', ""), "an epoch without 'why'"),
        (GOOD.replace('"y"', '""'), "an epoch without 'why'"),
        (GOOD.replace('["*"]', "[]"), "an epoch without 'cases'"),
        (GOOD.replace('["*"]', '["*", "a"]'), 'cases are ids, or "*" alone'),
        (GOOD.replace('["*"]', '"*"'), "cases is str, not list"),
        (GOOD.replace('["*"]', "[1]"), "a case is int, not str"),
        (GOOD.replace('"n"', "2026-11-30"), "night is date, not str"),
        (GOOD + "commit = 7\n", "commit is int, not str"),
        (GOOD + "comit = '7'\n", "an epoch with an unknown key 'comit'"),
        (GOOD + "libraries = ['torch']\n", "libraries is list, not dict"),
        (GOOD + "[epoch.libraries]\ntorch = 2.13\n", "torch is float, not str"),
        ("[epoch]\nnight='n'\n", "epoch is dict, not list"),
        ("epoch = ['n']\n", "epoch is str, not dict"),
        ("[[epochs]]\n", "unknown key 'epochs'"),
        ("epoch = " + "[" * 5000, "damaged"),
    ],
)
def test_damage_is_one_line_that_names_the_file_and_nothing_is_appended_to_it(file, text, said):
    file.parent.mkdir()
    file.write_text(text)
    for use in (read, lambda path: append(path, epoch())):
        with pytest.raises(ValueError, match=r"correct it, or restore it with git$") as raised:
            use(file)
        assert str(file) in str(raised.value)
        assert said in str(raised.value)
        assert "\n" not in str(raised.value)
    assert file.read_text() == text


def test_epochs_in_a_form_that_takes_no_block_behind_it_are_not_touched(file):
    file.parent.mkdir()
    text = 'epoch = [{night="n", cases=["*"], who="w", when="2026-11-30", why="y"}]\n'
    file.write_text(text)
    assert read(file)[0].night == "n"
    with pytest.raises(ValueError, match="is damaged"):
        append(file, epoch())
    assert file.read_text() == text


def _latin(file):
    file.parent.mkdir()
    file.write_bytes('why = "Größe"'.encode("latin-1"))


@pytest.mark.parametrize("make", [lambda file: file.mkdir(parents=True), _latin], ids=["folder", "latin-1"])
def test_what_is_no_text_file_says_so(file, make):
    make(file)
    with pytest.raises(ValueError, match=r"epochs\.toml cannot be read .*: restore it with git$"):
        read(file)


def test_comments_line_breaks_and_a_link_of_a_person_stay(file, tmp_path):
    kept = tmp_path / "kept.toml"
    kept.write_bytes(
        b'# ours\r\n[[epoch]]\r\nnight = "0001_x"\r\ncases = ["*"]\r\nwho = "Ada"\r\nwhen = "2026-11-30"\r\nwhy = "y"\r\n'  # noqa: E501
    )
    before = kept.read_bytes()
    file.parent.mkdir()
    file.symlink_to(kept)
    append(file, epoch())
    assert file.is_symlink()
    assert kept.read_bytes().startswith(before.rstrip())
    assert [each.night for each in read(file)] == ["0001_x", "0012_nightly"]
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["kept.toml"]
