"""Files of weights in the shapes that people have: unwrapped and said, or refused in one line before it begins."""

import argparse
import csv
import io
import json
import os
import pathlib
import re
import socket
import subprocess
import sys

import numpy as np
import pytest
import torch

from mnv2bench import networks
from mnv2bench.artifacts import stored, weights
from mnv2bench.campaign.weights import fitted_cases
from mnv2bench.case import Case
from mnv2bench.networks import Variant
from mnv2bench.records import Weights
from mnv2bench.records.journal import lines, load

SMALL = ("--suites", "latency", "--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1")
VARIANT = Variant("mobilenet_v2", 0.35, 96)
QUICK = ("run", *SMALL, "--rounds", "1", "--backends", "fake")


def network(width=0.35, classes=1000, seed=3, name="mobilenet_v2", channels=3):
    return networks.build(name, width, classes=classes, channels=channels, seed=seed)


@pytest.fixture(scope="module")
def state():
    return network().state_dict()


def prefixed(prefix, tensors):
    return {prefix + name: tensor for name, tensor in tensors.items()}


@pytest.fixture
def fitted(tmp_path):
    """Save an object with torch.save, read it back, and fit it to a network: fitted(object, width)."""

    def fit(value, width=0.35, name="mobilenet_v2"):
        torch.save(value, tmp_path / "weights.pt")
        return weights.fit(stored.read(tmp_path / "weights.pt")[0], name, width)

    return fit


@pytest.mark.parametrize(
    ("name", "width"), [(name, width) for name in networks.names() for width in {*networks.network(name).widths, 1.0}]
)
def test_the_names_and_shapes_of_a_state_dict_are_known_without_torch(name, width):
    built = networks.build(name, width, classes=7, seed=None).state_dict()
    assert networks.state_shapes(name, width, 7) == {key: tuple(tensor.shape) for key, tensor in built.items()}


WRAPPED = {
    "a state dict": (lambda s: s, ""),
    "a checkpoint": (
        lambda s: {"state_dict": s, "epoch": 90, "arch": "mobilenet_v2"},
        "read from its entry state_dict",
    ),
    "torchvision's script": (
        lambda s: {
            "model": s,
            "args": argparse.Namespace(lr=0.1, output_dir=pathlib.PosixPath("x")),
            "best": np.float64(71),
        },
        "read from its entry model",
    ),
    "a name that nobody uses": (lambda s: {"my best one": s}, "read from its entry my best one"),
    "nested": (lambda s: {"model": {"model_state_dict": s}}, "read from its entry model.model_state_dict"),
    "with an average": (
        lambda s: {"model_ema": s, "model": s, "optimizer": {"state": {0: {"exp_avg": torch.zeros(3)}}}},
        "read from its entry model; not from model_ema",
    ),
    "an average alone": (lambda s: {"state_dict_ema": s}, "read from its entry state_dict_ema"),
    "data parallel": (lambda s: prefixed("module.", s), "prefix module. removed"),
    "compiled": (lambda s: prefixed("_orig_mod.", s), "_orig_mod removed from its names"),
    "compiled, then parallel": (
        lambda s: {"model": prefixed("module._orig_mod.", s)},
        "read from its entry model; prefix module. removed; _orig_mod removed from its names",
    ),
    "a Lightning module": (
        lambda s: {"state_dict": {**prefixed("model.", s), "criterion.weight": torch.ones(1000)}},
        "read from its entry state_dict; prefix model. removed; left out: criterion.weight",
    ),
    "a backbone": (lambda s: prefixed("backbone.", s), "prefix backbone. removed"),
    "an averaged model": (
        lambda s: {"n_averaged": torch.tensor(5), **prefixed("module.", s)},
        "prefix module. removed",
    ),
    "without counters": (lambda s: {n: t for n, t in s.items() if "num_batches" not in n}, ""),
    "in half precision": (
        lambda s: {n: t.half() if t.is_floating_point() else t for n, t in s.items()},
        "262 tensors of float16 converted to float32",
    ),
    "in bfloat16": (
        lambda s: {n: t.bfloat16() if n.startswith("classifier") else t for n, t in s.items()},
        "2 tensors of bfloat16 converted to float32",
    ),
    "in float64": (lambda s: {n: t.double() for n, t in s.items()}, "262 tensors of float64 converted to float32"),
    "with a profiler's counts": (
        lambda s: {**s, "total_ops": torch.zeros(1), "features.total_params": torch.zeros(1)},
        "",
    ),
    "with parameters that learn": (
        lambda s: {n: torch.nn.Parameter(t) if t.dim() == 4 else t for n, t in s.items()},
        "",
    ),
}


@pytest.mark.parametrize("shape", WRAPPED)
def test_a_state_dict_is_unwrapped_and_what_was_done_is_said(fitted, state, shape):
    wrap, reading = WRAPPED[shape]
    fit = fitted(wrap(state))
    assert (fit.reading, fit.classes, fit.subnormal) == (reading, 1000, 0)


@pytest.mark.parametrize(
    "shape", ["in half precision", "compiled, then parallel", "a Lightning module", "without counters"]
)
def test_the_unwrapped_weights_are_those_of_the_network(tmp_path, state, shape):
    path = tmp_path / "weights.pt"
    torch.save(WRAPPED[shape][0](state), path)
    content = stored.read(path)[0].content
    module = network(seed=None)
    module.load_state_dict(
        stored.state_dict(path, content, Variant("mobilenet_v2", 0.35, 96))
    )  # strict: nothing is missing
    precise = shape != "in half precision"
    assert all(
        torch.allclose(t, state[n], rtol=0 if precise else 1e-3, atol=0 if precise else 1e-5)
        for n, t in module.named_parameters()
    )
    assert {t.dtype for t in module.parameters()} == {torch.float32}


def test_a_file_that_changed_after_it_was_checked_is_not_used(tmp_path, state):
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"weights.pt changed since it was checked"):
        stored.state_dict(tmp_path / "weights.pt", "0" * 64, VARIANT)


SAFETENSORS = pytest.mark.skipif(
    subprocess.run([sys.executable, "-c", "import safetensors"], check=False, capture_output=True).returncode != 0,
    reason="safetensors is not installed: pip install safetensors",
)


@SAFETENSORS
def test_safetensors_are_read_too(tmp_path, state):
    from safetensors.torch import save_file

    save_file({name: tensor.contiguous() for name, tensor in state.items()}, tmp_path / "model.safetensors")
    file, tensors = stored.read(tmp_path / "model.safetensors")
    assert weights.fit(file, "mobilenet_v2", 0.35).classes == 1000
    assert torch.equal(tensors[""]["classifier.1.weight"], state["classifier.1.weight"])


@SAFETENSORS
def test_damaged_safetensors_are_one_line(tmp_path, state):
    from safetensors.torch import save

    (tmp_path / "model.safetensors").write_bytes(save(state)[:-100])
    with pytest.raises(ValueError, match="is a damaged safetensors file"):
        stored.read(tmp_path / "model.safetensors")


def test_without_safetensors_the_command_that_installs_it_is_named(tmp_path):
    """A real interpreter in which the library cannot be imported."""
    (tmp_path / "model.safetensors").write_bytes((2).to_bytes(8, "little") + b"{}")
    code = """
import sys, pathlib
sys.modules["safetensors"] = None
from mnv2bench.artifacts import stored
try:
    stored.read(pathlib.Path(sys.argv[1]))
except Exception as error:
    print(error)
"""
    words = [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "model.safetensors")]
    ran = subprocess.run(words, capture_output=True, text=True, check=False)
    assert ran.stdout == "is a safetensors file, and safetensors is not installed: pip install safetensors\n"


TIMM = {
    "conv_stem.weight": torch.zeros(8, 3, 3, 3),
    "bn1.weight": torch.zeros(8),
    "classifier.weight": torch.zeros(9, 9),
}
REFUSED = {
    "timm's names": (
        lambda s: TIMM,
        "features.0.0.weight of mobilenet_v2 is missing; its first other name is "
        "conv_stem.weight: these are the names of timm; rename them to those of torchvision's mobilenet_v2",
    ),
    "transformers' names": (
        lambda s: {"mobilenet_v2.conv_stem.first_conv.convolution.weight": torch.zeros(3)},
        "these are the names of Hugging Face transformers",
    ),
    "without the classifier": (
        lambda s: {n: t for n, t in s.items() if "classifier" not in n},
        "classifier.1.weight of mobilenet_v2 is missing: it is of another network than mobilenet_v2 or of a part of it",
    ),
    "an optimiser": (lambda s: {"state": {"a": {"exp_avg": torch.zeros(3)}}}, "this is the state of an optimiser"),
    "with a layer more": (
        lambda s: {**s, "features.3.se.fc1.weight": torch.zeros(3)},
        "features.3.se.fc1.weight is no tensor of mobilenet_v2",
    ),
    "another shape": (
        lambda s: {**s, "features.4.conv.1.0.weight": torch.zeros(48, 1, 5, 5)},
        "features.4.conv.1.0.weight has the shape 48 x 1 x 5 x 5, and mobilenet_v2 of width 0.35 has 48 x 1 x 3 x 3",
    ),
    "one tensor": (lambda s: torch.zeros(3), "holds one tensor and no state dict: save the network's state dict alone"),
    "a list": (lambda s: [s], "holds a list and no state dict"),
    "nothing": (lambda s: {}, "holds a dict and no state dict"),
    "whole numbers": (
        lambda s: {n: t.to(torch.int8) for n, t in s.items()},
        "features.0.0.weight is of whole numbers (int8)",
    ),
    "complex numbers": (
        lambda s: {n: t.to(torch.complex64) for n, t in s.items()},
        "is of complex numbers (complex64)",
    ),
    "no values": (lambda s: {n: t.to("meta") for n, t in s.items()}, "is on the device meta, without any values"),
    "sparse": (
        lambda s: {n: t.to_sparse() if t.dim() == 2 else t for n, t in s.items()},
        "classifier.1.weight is sparse (sparse_coo): save tensor.to_dense()",
    ),
    "quantised": (
        lambda s: {n: torch.quantize_per_tensor(t, 0.1, 0, torch.qint8) if t.dim() == 4 else t for n, t in s.items()},
        "features.0.0.weight is quantised (qint8)",
    ),
    "a NaN": (
        lambda s: {**s, "classifier.1.bias": torch.full((1000,), float("nan"))},
        "classifier.1.bias has 1000 values that are not finite in float32",
    ),
    "too large for float32": (
        lambda s: {
            **s,
            "classifier.1.bias": torch.cat(
                [torch.tensor([1e300], dtype=torch.float64), torch.zeros(999, dtype=torch.float64)]
            ),
        },
        "classifier.1.bias has 1 value that is not finite in float32",
    ),
    "a whole module": (
        lambda s: torch.nn.Sequential(torch.nn.Linear(2, 2)),
        "holds objects that only running code could make (torch.nn.modules.container.Sequential)",
    ),
    "a view of huge size": (
        lambda s: {**s, "classifier.1.bias": torch.zeros(1).expand(1 << 40)},
        "classifier.1.bias has 1099511627776 values",
    ),
}


@pytest.mark.filterwarnings("ignore")  # torch deprecates quantised tensors
@pytest.mark.parametrize("shape", REFUSED)
def test_what_is_no_state_dict_of_the_network_is_one_line_with_the_first_wrong_name(fitted, state, shape):
    make, reason = REFUSED[shape]
    with pytest.raises(ValueError) as refused:
        fitted(make(state))
    assert reason in str(refused.value)
    assert "\n" not in str(refused.value)
    assert "Steps" not in str(refused.value)


@pytest.mark.parametrize("width", [0.5, 0.75, 1.4])
def test_the_width_of_the_file_is_named(fitted, width):
    with pytest.raises(ValueError) as refused:
        fitted(network(width, classes=10, seed=None).state_dict(), width=1.0)
    expected = f"the file is of width {width}; these cases have width 1.0: add --widths {width}"
    assert str(refused.value) == expected


def test_the_network_of_the_file_is_named(fitted):
    article = networks.build("mobilenet_v2_article", 1.0, seed=None).state_dict()
    with pytest.raises(ValueError, match=r"mobilenet_v2"):
        fitted(article, 1.0)


@pytest.mark.parametrize("classes", [1, 10, 1001])
def test_the_classes_are_those_of_the_stored_classifier(fitted, classes):
    assert fitted(network(classes=classes, seed=None).state_dict()).classes == classes


@pytest.mark.parametrize("channels", [1, 3, 12])
def test_the_channels_are_those_of_the_stored_first_layer(fitted, channels):
    fit = fitted(network(classes=10, channels=channels, seed=None).state_dict())
    assert (fit.classes, fit.channels) == (10, channels)


def test_a_file_of_another_width_is_told_by_its_width_whatever_its_channels_and_classes(fitted):
    grey = network(0.5, classes=10, channels=1, seed=None).state_dict()
    with pytest.raises(ValueError, match=r"the file is of width 0.5; these cases have width 1.0: add --widths 0.5"):
        fitted(grey, width=1.0)


def test_subnormal_values_are_counted(fitted, state):
    names = [f"features.{block}.conv.0.1.{part}" for block in (3, 5, 6, 8, 9, 10) for part in ("weight", "bias")]
    tiny = {name: (tensor + 1) * 1e-39 if name in names else tensor for name, tensor in state.items()}
    assert fitted(tiny).subnormal == sum(state[name].numel() for name in names) == 1344


CONTENTS = {
    "text": (b"weights\n" * 100, "is a text file"),
    "a page of a server": ("<!doctype html>\n<html>Nicht gefunden: ä</html>".encode(), "is a text file"),
    "empty": (b"", "is empty: save it again"),
    "a pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 3\n", "is a Git LFS pointer"),
    "Keras": (b"\x89HDF\r\n\x1a\n" + bytes(100), "is an HDF5 file, as Keras writes"),
    "compressed": (b"\x1f\x8b\x08" + bytes(100), "is compressed with gzip: unpack it first"),
    "cut off": (b"PK\x03\x04" + bytes(100), "is cut off or damaged"),
    "random": (bytes(range(255, 0, -1)) * 9, "is no file of torch.save"),
    "zeros": (bytes(5000), "is no file of torch.save"),
}


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_torch_did_not_write_is_one_line(tmp_path, content):
    written, reason = CONTENTS[content]
    (tmp_path / "weights.pt").write_bytes(written)
    with pytest.raises(ValueError, match=re.escape(reason)) as refused:
        stored.read(tmp_path / "weights.pt")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("old_format", [False, True])
def test_a_file_that_was_cut_off_is_one_line(tmp_path, state, old_format):
    path = tmp_path / "weights.pt"
    torch.save(state, path, _use_new_zipfile_serialization=not old_format)
    assert weights.fit(stored.read(path)[0], "mobilenet_v2", 0.35).classes == 1000
    path.write_bytes(path.read_bytes()[:-1000])
    with pytest.raises(ValueError, match=r"is cut off or damaged|is damaged, or no file"):
        stored.read(path)


@pytest.mark.filterwarnings("ignore")
def test_an_archive_of_torchscript_is_named_with_what_to_do(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "weights.pt")
    with pytest.raises(
        ValueError, match=r"is a TorchScript archive: torch.save\(torch.jit.load\(FILE\).state_dict\(\)"
    ):
        stored.read(tmp_path / "weights.pt")


@pytest.mark.filterwarnings("ignore")  # torch does not know the protocol
def test_a_pickle_that_would_run_code_does_not_run_it(tmp_path):
    ran = tmp_path / "ran"
    code = f"""
import pickle, pathlib, sys
class Evil:
    def __reduce__(self):
        return (pathlib.Path.touch, (pathlib.Path({str(ran)!r}),))
pickle.dump({{"state_dict": Evil()}}, open({str(tmp_path / "weights.pt")!r}, "wb"))
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ValueError):
        stored.read(tmp_path / "weights.pt")
    assert not ran.exists()


# by the command


def refusal(command, tmp_path, file, *words):
    out = tmp_path / "out.jsonl"
    ran = command("mnv2bench", *QUICK, "--weights", str(file), *words, "--out", str(out))
    assert (ran.returncode, ran.stdout) == (2, "")
    assert re.fullmatch(r"mnv2bench: [^\n]*\n", ran.stderr), ran.stderr
    assert not out.exists()
    return ran.stderr.removeprefix(f"mnv2bench: --weights {file}: ").rstrip("\n")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("folder", "is a folder, not a file: name the file that torch.save wrote"),
        ("pipe", "is a named pipe, not a file: name the file that torch.save wrote"),
        ("socket", "is a socket, not a file: name the file that torch.save wrote"),
        ("device", "is a device, not a file: name the file that torch.save wrote"),
        ("40 GB", "has 40.0 GB, and no state dict of these networks has more than 2.1 GB: save the network's state"),
        ("a link to nothing", "No such file or directory"),
        ("a link to itself", "Too many levels of symbolic links"),
    ],
)
def test_what_is_no_file_ends_at_once_in_one_line(command, tmp_path, kind, reason):
    path = tmp_path / "weights.pt"
    match kind:
        case "folder":
            path.mkdir()
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(str(path))
        case "device":
            path.symlink_to("/dev/zero")
        case "40 GB":
            with path.open("wb") as file:
                file.truncate(40_000_000_000)
        case "a link to nothing":
            path.symlink_to(tmp_path / "nowhere")
        case _:
            path.symlink_to(path)
    assert refusal(command, tmp_path, path).startswith(reason)


def test_a_file_of_another_width_is_refused_before_anything_is_written(command, tmp_path):
    torch.save(network(0.5, seed=None).state_dict(), tmp_path / "half.pt")
    reason = refusal(command, tmp_path, tmp_path / "half.pt", "--widths", "0.5,0.35")
    assert reason == "the file is of width 0.5; these cases have width 0.35: add --widths 0.5"


@pytest.mark.parametrize(("verb", "words"), [("profile", []), ("roofline", []), ("duel", ["--old", sys.executable])])
def test_every_verb_that_measures_refuses_the_same_file_alike(command, tmp_path, verb, words):
    (tmp_path / "weights.pt").write_bytes(b"no weights\n")
    case = Case(width=0.35, resolution=96, backend="fake").id
    out = tmp_path / "out"
    ran = command("mnv2bench", verb, case, "--weights", str(tmp_path / "weights.pt"), "--out", str(out), *words)
    assert (ran.returncode, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"mnv2bench: --weights {tmp_path / 'weights.pt'}: is a text file: ")
    assert [file.name for file in tmp_path.iterdir()] == ["weights.pt"]


def test_classes_reading_and_subnormal_values_are_recorded_and_shown(command, tmp_path):
    ten = network(classes=10, seed=4).state_dict()
    ten["features.17.conv.3.bias"] = torch.full_like(ten["features.17.conv.3.bias"], 1e-40)
    ten["features.17.conv.1.1.bias"] = torch.full_like(ten["features.17.conv.1.1.bias"], 1e-40)
    halved = {name: tensor.half() if name.startswith("classifier") else tensor for name, tensor in ten.items()}
    torch.save({"state_dict": prefixed("module.", halved)}, tmp_path / "ten.pt")
    out = tmp_path / "out.jsonl"
    ran = command("mnv2bench", *QUICK, "--weights", str(tmp_path / "ten.pt"), "--out", str(out))
    assert (ran.returncode, ran.stderr) == (0, "")
    reading = "read from its entry state_dict; prefix module. removed; 2 tensors of float16 converted to float32"
    assert f"weights of {tmp_path / 'ten.pt'}: {reading}\n" in ran.stdout
    (record,) = load(out)
    assert record.case.id == "mobilenet_v2_0.35_96_10classes-b1-fake-cpu-fp32-t1"
    assert (record.case.classes, record.status) == (10, "ok")
    assert (record.weights.reading, record.weights.subnormal) == (reading, 448)
    assert lines(out)[0]["weights"]["file"] == str(tmp_path / "ten.pt")
    assert command("mnv2bench", "report", str(out)).returncode == 0
    (page,) = tmp_path.glob("*.md")
    assert "- Classes: 10 and not 1000: MAdds and parameters are of such a classifier\n" in page.read_text()
    assert "mobilenet_v2_0.35_96_10classes" in page.read_text()
    (table,) = tmp_path.glob("*.csv")
    (cells,) = csv.DictReader(io.StringIO(table.read_text()))
    assert "subnormal: 448 values of the weights are below 1.2e-38: processors may be" in cells["flags"]
    assert (cells["classes"], cells["madds"]) == ("10", str(networks.count("mobilenet_v2", 0.35, 96, 10).madds))
    assert networks.count("mobilenet_v2", 0.35, 96).madds - int(cells["madds"]) == 990 * 1280


def test_a_case_with_another_number_of_classes_than_the_file_is_refused(tmp_path, state):
    torch.save(state, tmp_path / "weights.pt")
    with pytest.raises(ValueError, match=r"the file has 1000 classes, and mobilenet_v2_0.35_96_10classes-.* has 10"):
        fitted_cases([Case(width=0.35, resolution=96, classes=10)], Weights(file=str(tmp_path / "weights.pt")))


def test_cases_have_as_many_channels_as_the_first_layer_of_the_file(tmp_path):
    path = tmp_path / "grey.pt"
    torch.save(network(classes=10, channels=1).state_dict(), path)
    (case,) = fitted_cases([Case(width=0.35, resolution=(96, 64))], Weights(file=str(path)))
    assert case.id == "mobilenet_v2_0.35_96x64_1channel_10classes-b1-torch_eager-cpu-fp32-t1"
    content = stored.read(path)[0].content
    tensors = stored.state_dict(path, content, case.spec)
    assert tensors["features.0.0.weight"].shape == (16, 1, 3, 3)
    assert tensors["classifier.1.weight"].shape == (10, 1280)
    with pytest.raises(ValueError, match=r"the file is for images of 1 channel, and those of .*_4channels_.* have 4$"):
        fitted_cases([Case(width=0.35, resolution=96, channels=4)], Weights(file=str(path)))
    with pytest.raises(ValueError, match=r"has 10 classes of images of 1 channel, not 10 of 3 channels"):
        stored.state_dict(path, content, Variant("mobilenet_v2", 0.35, 96, 10))


def test_pictures_are_of_one_channel_or_three(tmp_path):
    torch.save(network(channels=4, seed=None).state_dict(), tmp_path / "four.pt")
    weights = Weights(file=str(tmp_path / "four.pt"), images=str(tmp_path))
    with pytest.raises(ValueError, match=r"pictures have 3 channels, or 1 in grey, and those of .* have 4: leave --im"):
        fitted_cases([Case(width=0.35, resolution=96)], weights)


def test_pytest_suites_names_its_cases_by_the_classes_of_the_file(command, tmp_path):
    torch.save(network(classes=3, seed=None).state_dict(), tmp_path / "three.pt")
    chosen = (
        "--backends=fake",
        "--widths=0.35",
        "--resolutions=96",
        "--threads=1",
        f"--weights={tmp_path / 'three.pt'}",
    )
    ran = command("pytest", "suites", "-q", "--collect-only", "-p", "no:cacheprovider", "-m", "not slow", *chosen)
    assert "test_latency[mobilenet_v2_0.35_96_3classes-b1-fake-cpu-fp32-t1]" in ran.stdout


def test_a_head_of_an_earlier_schema_has_weights_of_which_nothing_was_counted():
    head = json.loads('{"seed": 0, "file": "w.pt", "content": "ab"}')
    assert Weights(**head) == Weights(0, "w.pt", "ab", "", None)


def test_freshly_initialised_weights_are_refused_before_anything_is_exported(command, tmp_path):
    file, cache, out = tmp_path / "fresh.pt", tmp_path / "cache", tmp_path / "out.jsonl"
    torch.save(network(seed=None).state_dict(), file)  # as torch's modules are made
    words = (*QUICK[:-1], "onnxruntime,fake", "--weights", str(file), "--out", str(out))
    ran = command("mnv2bench", *words, MNV2BENCH_CACHE=str(cache))
    assert ran.returncode == 2
    (line,) = ran.stderr.splitlines()
    assert line.startswith(
        f"mnv2bench: --weights {file}: these weights tell no two images apart (their logits differ by "
    )
    assert line.endswith(" as freshly initialised ones do, so nothing can be checked: save trained weights")
    assert not out.exists()
    suffixes = {path.suffix for path in (cache / "artifacts").iterdir()}
    assert suffixes == {".pt", ".json"}  # the state dict and its facts, and no more


def test_weights_whose_logits_overflow_are_refused(command, tmp_path):
    large = network(seed=4).state_dict()
    large["classifier.1.weight"] = large["classifier.1.weight"].sign() * 1e38
    torch.save(large, tmp_path / "large.pt")
    reason = refusal(command, tmp_path, tmp_path / "large.pt", "--quiet")
    assert reason == "with these weights the logits of the reference itself are not finite: nothing can be checked"
