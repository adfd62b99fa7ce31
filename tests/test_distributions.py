"""Versions as they are imported: real environments that lie over one another, and a library that changes meanwhile."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

import mnv2bench
from mnv2bench.artifacts import Weights
from mnv2bench.regression.duels.side import side
from mnv2bench.workers import distributions

ROOT = Path(mnv2bench.__file__).parents[1]


def lay(folder, version, module=True, name="layered"):
    """A distribution in a folder, as pip leaves one; without its module, as an interrupted removal leaves it."""
    facts = folder / f"{name}-{version}.dist-info"
    facts.mkdir(parents=True)
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (facts / "RECORD").write_text(f"{name}/__init__.py,,\n{facts.name}/METADATA,,\n")
    if module:
        (folder / name).mkdir()
        (folder / name / "__init__.py").write_text(f"__version__ = {version!r}\n")


def reported(*folders, imported=("layered",)):
    """What a process says of `layered` with these folders in front of its path, in this order."""
    code = f"""
import json
from mnv2bench.workers import distributions
for name in {imported!r}:
    __import__(name)
print(json.dumps([distributions.version("layered"), distributions.imported_versions(["layered", "nosuch"]),
                  distributions.installed_versions().get("layered")]))
"""
    path = os.pathsep.join(map(str, (*folders, ROOT)))
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    return msgspec.json.decode(ran.stdout)


def test_of_two_layers_the_first_on_the_path_is_imported_and_its_version_reported(tmp_path):
    lay(tmp_path / "over", "2.0")
    lay(tmp_path / "base", "1.0")
    assert reported(tmp_path / "over", tmp_path / "base") == ["2.0", {"layered": "2.0"}, "2.0"]
    assert reported(tmp_path / "base", tmp_path / "over") == ["1.0", {"layered": "1.0"}, "1.0"]


def test_a_layer_that_lists_a_distribution_without_its_module_is_not_what_is_imported(tmp_path):
    lay(tmp_path / "over", "2.0", module=False)
    lay(tmp_path / "base", "1.0")
    assert reported(tmp_path / "over", tmp_path / "base") == ["1.0", {"layered": "1.0"}, "1.0"]


def test_a_module_that_is_in_front_of_its_distribution_is_named_by_its_folder(tmp_path):
    lay(tmp_path / "base", "1.0")
    (tmp_path / "loose" / "layered").mkdir(parents=True)
    (tmp_path / "loose" / "layered" / "__init__.py").write_text("")
    text = f"of no distribution: {tmp_path / 'loose' / 'layered'}"
    version, imported, _ = reported(tmp_path / "loose", tmp_path / "base")
    assert (version, imported) == (text, {"layered": text})


def test_what_a_process_did_not_import_is_not_among_its_versions(tmp_path):
    lay(tmp_path / "base", "1.0")
    assert reported(tmp_path / "base", imported=()) == ["1.0", {}, "1.0"]


def test_what_is_not_installed_has_no_version():
    assert distributions.version("no-such-distribution") is None
    assert distributions.version("msgspec") == msgspec.__version__


@pytest.mark.slow
def test_a_side_of_a_duel_whose_environments_lie_over_one_another_lists_what_it_imports(tmp_path):
    """A real virtual environment with a .pth file that names the layer below."""
    over, base = tmp_path / "over", tmp_path / "base"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(over)], check=True)
    (site,) = over.glob("lib/python*/site-packages")
    below = [str(base), str(ROOT), str(Path(msgspec.__file__).parents[1])]
    (site / "below.pth").write_text("\n".join(below) + "\n")
    lay(site, "2.0")
    lay(base, "1.0")
    found = side(str(over / "bin" / "python"), (), Weights())
    assert found.distributions["layered"] == "2.0"
    assert found.distributions["msgspec"] == msgspec.__version__


def test_a_library_that_was_replaced_since_the_campaign_began_makes_its_process_fail(tmp_path):
    """A backend of somebody else, whose distribution is replaced while the parent is running."""
    site = tmp_path / "site"
    lay(site, "1.5", name="theirs")
    (site / "theirs" / "__init__.py").write_text(
        "from mnv2bench.backends import Runtime\n"
        "from mnv2bench.backends.fake import open\n"
        'RUNTIME = Runtime(reads="reference", runs={"cpu": ("fp32",)}, distributions=("theirs",))\n'
    )
    (site / "theirs-1.5.dist-info" / "entry_points.txt").write_text("[mnv2bench.backends]\ntheirs = theirs\n")
    code = f"""
from pathlib import Path
from mnv2bench import Case, Plan
from mnv2bench.artifacts import Weights
from mnv2bench.campaign.preparation import prepare
from mnv2bench.campaign.processes import run_process
case = Case(width=0.35, resolution=96, backend="theirs")
plan = Plan(processes=1, rounds=1, warmup_s=0.0, warmup_cap_s=0.1)
prepared = prepare(case, Weights())
first = run_process(case, prepared, plan, 1)
print(first.status, first.reason, first.result and first.result.samples.libraries)
site = Path({str(site)!r})
(site / "theirs-1.5.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\\nName: theirs\\nVersion: 1.6\\n")
(site / "theirs-1.5.dist-info").rename(site / "theirs-1.6.dist-info")
second = run_process(case, prepared, plan, 2)
print(second.status, second.reason)
"""
    path = os.pathsep.join(map(str, (site, ROOT)))
    ran = subprocess.run(
        [sys.executable, "-P", "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    first, second = ran.stdout.splitlines()
    assert first == "ok  {'theirs': '1.5'}"
    assert second == "failed the process imported theirs 1.6, and the campaign began with 1.5: measure it anew"
