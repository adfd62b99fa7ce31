"""A network family is one file: a made-up one runs through everything from another distribution's entry point."""

import csv
import io
import os
import re
import shutil

import pytest
import tinynet
import torch
from msgspec.structs import replace

from mnv2bench.networks import modules
from mnv2bench.networks.counts import activations, count
from mnv2bench.networks.counts import torchinfo_totals as totals
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE, blocks, module_layers, roles
from mnv2bench.networks.shapes import ImageShape

pytestmark = pytest.mark.slow

LAYERS = tinynet.layers(1.0, ImageShape(3, 64, 64), 1000)
CASES = [f"tinynet_1.0_64-b1-{backend}-cpu-fp32-t1" for backend in ("torch_eager", "onnxruntime")]


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """The search path of a machine where the family is installed: its one file, and the entry point that names it."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(tinynet.__file__, folder)
    metadata = folder / "tinynet-1.0.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: tinynet\nVersion: 1.0\n")
    (metadata / "entry_points.txt").write_text("[mnv2bench.networks]\ntinynet = tinynet\n")
    return os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])


@pytest.fixture(scope="module")
def measured(installed, command, tmp_path_factory):
    """The journal of both cases: measured, profiled, and the machine probed."""
    out = tmp_path_factory.mktemp("measured") / "tiny.jsonl"
    words = ("--networks", "tinynet", "--backends", "torch_eager,onnxruntime", "--processes", "1", "--rounds", "1")
    ran = command("mnv2bench", "roofline", *words, "--out", str(out), "--quiet", PYTHONPATH=installed)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return out


def rows_of(file):
    return list(csv.DictReader(io.StringIO(file.read_text())))


# counts


def test_multiply_adds_and_parameters_are_those_worked_out_by_hand():
    counted = count(LAYERS)
    convs = [3 * 16 * 9 * 32 * 32, 16 * 8 // 2 * 32 * 32, 8 * 9 * 16 * 16, 24 * 32 * 16 * 16, 32 * 24 * 16 * 16]
    assert counted.madds == sum(convs) + 24 * 1000 == 943_552
    assert counted.params_without_bn == 432 + 64 + 72 + 768 + 768 + 25_000
    assert counted.params - counted.params_without_bn == 2 * (16 + 8 + 8 + 32 + 24)
    assert totals(LAYERS).mult_adds == counted.madds + 2 * (16 + 8 + 8 + 32 + 24) + 1000


def test_a_tensor_is_alive_until_its_last_reader_has_read_it():
    held = {live.layer: live.held for live in activations(LAYERS) if live.held}
    stem, branch, joined = 4 * 16 * 32 * 32, 4 * 8 * 16 * 16, 4 * 24 * 16 * 16
    assert held == {
        "halve.shuffle": stem,
        "halve.depthwise": stem,
        "halve.shrink": branch,
        "same.narrow": joined,
    }


def test_roles_stand_in_the_order_in_which_they_run_within_a_block():
    assert blocks(LAYERS) == ("stem", "halve", "same", "pool", "classifier")
    assert roles(LAYERS)[:6] == ("stem", "compress", "shuffle", "depthwise", "shrink", "join")


def test_a_role_that_only_later_blocks_have_stands_before_what_follows_it_there():
    graph = Graph(ImageShape(3, 32, 32))
    first = graph.conv("a.project", IMAGE, 8)
    graph.conv("b.project", graph.conv("b.expand", first, 8), 8)
    assert roles(graph.layers) == ("expand", "project")


# the torch module


def test_the_module_has_the_declared_paths_and_computes_what_the_layers_say():
    net = modules.build(LAYERS)
    assert sum(tensor.numel() for tensor in net.parameters()) == count(LAYERS).params
    pictures = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        stem = net.stem(pictures)
        branch = net.halve.compress(stem)
        branch = branch.view(2, 2, 4, 32, 32).transpose(1, 2).reshape(2, 8, 32, 32)
        joined = torch.cat([net.halve.depthwise(branch), torch.nn.functional.avg_pool2d(stem, 3, 2, 1)], 1).relu()
        added = joined + net.same.narrow(net.same.widen(joined))
        assert torch.allclose(net(pictures), net.classifier(added.mean((2, 3))), atol=1e-5)


def test_a_path_that_several_layers_name_is_of_none_and_one_that_holds_one_layer_is_its_own():
    owners = module_layers(LAYERS)
    assert (owners["halve.compress"], owners["halve.compress.1"]) == ("halve.compress", "halve.compress")
    twice = [replace(layer, modules=("same",)) if layer.name == "pool" else layer for layer in LAYERS]
    assert "same" not in module_layers(twice)


def test_a_function_may_have_a_module_path_of_its_own():
    graph = Graph(ImageShape(3, 32, 32))
    first = graph.conv("first", IMAGE, 8, modules=("first.0", "first.1"))
    graph.add("twice", (first, first), modules=("sum",))
    net = modules.build(graph.layers, None)
    assert [path for path, _ in net.named_children()] == ["first", "sum"]


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ((("a.0", "a.1"), ("b.0", "b.1"), ("a.2", "a.3")), "list the layers of each one together"),
        ((("a.0",), ("b.0", "b.1"), ("c.0", "c.1")), "layer first needs 2 module paths, not 1"),
    ],
)
def test_paths_that_make_no_module_are_refused(paths, message):
    graph, source = Graph(ImageShape(3, 32, 32)), IMAGE
    for name, modules_of_layer in zip(("first", "second", "third"), paths, strict=True):
        source = graph.conv(name, source, 8, modules=modules_of_layer)
    with pytest.raises(ValueError, match=message):
        modules.build(graph.layers, None)


def test_two_layers_of_one_name_are_refused():
    graph = Graph(ImageShape(3, 32, 32))
    graph.conv("stem", IMAGE, 8)
    with pytest.raises(ValueError, match="two layers are called stem"):
        graph.conv("stem", IMAGE, 8)


# through the product


def test_its_network_is_known_by_name_and_has_its_own_grid(command, installed):
    page = command("mnv2bench", "network", "tinynet", "--resolution", "64", PYTHONPATH=installed)
    (stem,) = [line.split() for line in page.stdout.splitlines() if line.split()[:1] == ["stem"]]
    assert stem == ["stem", "conv", "[16,", "32,", "32]", "432", "32", "442,368"]
    memory = command("mnv2bench", "memory", "--network", "tinynet", PYTHONPATH=installed)
    assert re.search(r"^ +tinynet[ _]1\.0[@_]64 ", memory.stdout, re.M), memory.stdout
    assert "Table 3" not in memory.stdout
    unknown = command("mnv2bench", "network", "tinynet")
    assert "unknown network 'tinynet'" in unknown.stderr


def test_the_report_has_its_latencies_and_nothing_that_was_published_of_others(measured, command, installed, tmp_path):
    files = ("--csv", str(tmp_path / "tiny.csv"), "--markdown", str(tmp_path / "tiny.md"))
    ran = command("mnv2bench", "report", str(measured), *files, PYTHONPATH=installed)
    assert ran.returncode == 0, ran.stderr
    rows = {row["case"]: row for row in rows_of(tmp_path / "tiny.csv")}
    assert list(rows) == CASES
    assert {row["status"] for row in rows.values()} == {"ok"}
    assert {row["madds"] for row in rows.values()} == {"943552"}
    assert all(float(row["latency_ms"]) > 0 for row in rows.values())
    assert all(float(row["output_error"] or 0) < 1e-3 for row in rows.values())
    page = (tmp_path / "tiny.md").read_text()
    assert "published ms" not in page
    assert "Pixel" not in page


def test_the_profile_maps_each_computing_layer_in_both_runtimes(measured):
    rows = rows_of(measured.with_suffix(".profile.csv"))
    eager, onnxruntime = (
        {layer for row in rows if row["case"] == case for layer in row["layers"].split("; ") if layer} for case in CASES
    )
    computing = {layer.name for layer in LAYERS if layer.type not in ("concat", "shuffle")}
    assert computing <= eager
    # of an exported file an activation is taken for a part of the layer before it, here of halve.join
    assert computing - {"halve.rectify"} <= onnxruntime


def test_the_pages_and_pictures_of_profiles_name_its_blocks_and_roles(measured):
    page = measured.with_suffix(".profile.md").read_text()
    for name in ("halve", "same", "compress", "narrow"):
        assert f"| {name} " in page
    assert "compress" in measured.with_suffix(".shares.svg").read_text()
    assert measured.with_suffix(".roofline.svg").exists()
