"""The commands of docs/duel.md, run as they stand there: they make a second environment, and a duel runs in it."""

import re
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "duel.md").read_text()
FIRST, SECOND, *_ = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)


def wheel(folder, name, version):
    """A wheel of one empty module, in place of 50 MB from the package index."""
    info = f"{name}-{version}.dist-info"
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        archive.writestr(f"{name}/__init__.py", f"__version__ = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")


def bash(script, folder, **variables):
    return subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script], cwd=folder, env=variables, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def environments(tmp_path_factory):
    """An active environment that sees this one's packages, and the one that the page's lines make beside it."""
    folder = tmp_path_factory.mktemp("duel")
    active, wheels, checkout = folder / "active", folder / "wheels", folder / "checkout"
    wheels.mkdir()
    checkout.mkdir()
    wheel(wheels, "openvino", "2026.3.1")
    subprocess.run([sys.executable, "-m", "venv", str(active)], check=True)
    (site,) = active.glob("lib/python*/site-packages")
    packages = sysconfig.get_path("purelib")
    (site / "tested.pth").write_text(f"{ROOT}\nimport site; site.addsitedir({packages!r})\n")
    variables = {
        "VIRTUAL_ENV": str(active),
        "PATH": f"{active / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "PIP_NO_INDEX": "1",
        "PIP_FIND_LINKS": str(wheels),
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "MNV2BENCH_CACHE": str(folder / "cache"),
        "MNV2BENCH_LOCKS": str(folder / "locks"),
        "MNV2BENCH_IDLE_S": "0",
    }
    return checkout, variables, bash(FIRST, checkout, **variables)


@pytest.mark.slow
def test_four_lines_make_a_second_environment_that_differs_in_one_library(environments):
    checkout, variables, made = environments
    assert len(FIRST.splitlines()) == 4
    assert (made.returncode, made.stderr) == (0, ""), made.stdout
    code = "import mnv2bench, numpy, openvino; print(openvino.__version__, mnv2bench.__file__, numpy.__file__)"
    of_old = bash(f'../old/bin/python -P -c "{code}"', checkout, **variables).stdout.split()
    of_new = bash(f'python -P -c "{code}"', checkout, **variables).stdout.split()
    assert of_old[0] == "2026.3.1" != of_new[0]
    assert of_old[1:] == of_new[1:]


@pytest.mark.slow
def test_a_duel_runs_between_the_two_and_names_the_library_that_differs(environments):
    checkout, variables, _ = environments
    assert SECOND.startswith("mnv2bench duel --old ../old/bin/python --backends openvino --threads 1")
    quick = "--widths 0.35 --resolutions 32 --rounds 1 --budget 5 --quiet"
    command = SECOND.strip().replace("mnv2bench", "python -P -m mnv2bench").replace("openvino", "fake")
    duel = bash(f"{command} {quick}", checkout, **variables)
    assert duel.returncode in (0, 1), duel.stderr  # a busy machine may make one side slower
    assert re.search(r"Old and new differ in openvino: 2026\.3\.1, \d{4}\.", duel.stdout)
    assert {path.name for path in checkout.iterdir()} >= {"duel.old.jsonl", "duel.new.jsonl"}
