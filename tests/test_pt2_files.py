"""Programs of torch.export in files of users: what is read of them, and that nothing in them runs meanwhile."""

import io
import json
import os
import pickle
import zipfile

import pytest
import torch
from torch import nn

from mnv2bench.artifacts import models
from mnv2bench.artifacts.models.pt2_archive import checked
from mnv2bench.networks import ImageShape


class Small(nn.Module):
    """A convolution with batch norm, and a classifier of ten classes."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, stride=2, padding=1)
        self.norm = nn.BatchNorm2d(8)
        self.classifier = nn.Linear(8, 10)

    def forward(self, images):
        return self.classifier(torch.relu(self.norm(self.conv(images))).mean((2, 3)))


class Several(nn.Module):
    """Three outputs in a dictionary, for images of any sides."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, images):
        with torch.no_grad():
            map = self.conv(images)
        large = nn.functional.interpolate(map, scale_factor=2.0, mode="bilinear")
        return {"map": map, "others": (large, map.mean((1, 2, 3)))}


def exported(network, shape, any_batch=False, element=torch.float32, dynamic=None):
    sizes = dynamic or ({0: torch.export.Dim("batch")} if any_batch else None)
    example = torch.zeros(shape, dtype=element)
    return torch.export.export(network.eval().to(element), (example,), dynamic_shapes=(sizes,) if sizes else None)


def saved(program):
    file = io.BytesIO()
    torch.export.save(program, file)
    return file.getvalue()


@pytest.fixture(scope="module")
def archive():
    """A program for any batch of images of 3x32x32, as its files by their names."""
    with zipfile.ZipFile(io.BytesIO(saved(exported(Small(), (2, 3, 32, 32), any_batch=True)))) as program:
        return {name.partition("/")[2]: program.read(name) for name in program.namelist()}


def packed(files):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as program:
        for name, content in files.items():
            program.writestr(f"archive/{name}", content)
    return file.getvalue()


def changed(archive, old, new, place="models/model.json"):
    """The archive with a text in one of its descriptions replaced."""
    text = archive[place].decode()
    assert old in text
    return packed(archive | {place: text.replace(old, new).encode()})


def test_a_static_program_says_its_images_its_batch_and_its_classes(tmp_path):
    file = tmp_path / "my net.pt2"
    file.write_bytes(saved(exported(Small(), (4, 3, 32, 48))))
    read = models.read(file)
    assert (read.image, read.batch, read.classes, read.precision) == (ImageShape(3, 32, 48), 4, 10, "fp32")
    assert read.network == f"my-net.pt2-{read.content[:8]}"
    assert read.state["classifier.weight"] == (10, 8)
    with pytest.raises(ValueError, match=r"^takes images of 32x48 alone: leave --resolutions out$"):
        models.read(file, (64, 64))


def test_a_program_for_any_batch_and_sides_joins_all_of_its_outputs_in_fp16(tmp_path):
    file = tmp_path / "several.pt2"
    sides = {0: torch.export.Dim("batch"), 2: torch.export.Dim("height", min=8), 3: torch.export.Dim("width", min=8)}
    file.write_bytes(saved(exported(Several(), (2, 1, 16, 16), element=torch.float16, dynamic=sides)))
    read = models.read(file, (20, 10))
    assert (read.image, read.batch, read.precision) == (ImageShape(1, 20, 10), 0, "fp16")
    assert read.classes == 4 * 20 * 10 + 4 * 40 * 20 + 1


def test_a_checked_program_computes_what_the_saved_one_does(archive):
    content = checked(packed(archive))
    own = torch.export.load(io.BytesIO(content)).module()
    theirs = torch.export.load(io.BytesIO(packed(archive))).module()
    images = torch.randn(5, 3, 32, 32)
    assert torch.equal(own(images), theirs(images))


class Payload:
    """What writes a file when it is unpickled."""

    def __init__(self, file):
        self.file = file

    def __reduce__(self):
        return os.mkdir, (self.file,)


def test_a_payload_in_pickled_images_runs_in_torch_and_not_here(archive, tmp_path):
    payload = pickle.dumps(Payload(str(tmp_path / "ran")), protocol=2)
    harmful = packed(archive | {"data/sample_inputs/model.pt": payload})
    with pytest.raises(RuntimeError, match="error when deserializing"):
        torch.export.load(io.BytesIO(harmful))
    assert (tmp_path / "ran").exists(), "torch itself runs the payload: without that this test shows nothing"
    (tmp_path / "ran").rmdir()
    assert torch.export.load(io.BytesIO(checked(harmful))).example_inputs is None
    assert not (tmp_path / "ran").exists()


def test_pickled_weights_are_refused_and_do_not_run(archive, tmp_path):
    weights = "data/weights/model_weights_config.json"
    described = json.loads(archive[weights])
    described["config"]["conv.bias"]["use_pickle"] = True
    path = described["config"]["conv.bias"]["path_name"]
    payload = pickle.dumps(Payload(str(tmp_path / "ran")))
    harmful = packed(archive | {weights: json.dumps(described).encode(), f"data/weights/{path}": payload})
    with pytest.raises(ValueError, match=r"^holds a pickled object \('conv.bias'\), which could run anything"):
        checked(harmful)
    assert not (tmp_path / "ran").exists()


def test_a_size_that_is_computed_by_a_call_of_python_is_refused_and_does_not_run(archive, tmp_path):
    symbol = json.dumps(next(size for size in texts(json.loads(archive["models/model.json"])) if "Symbol" in size))
    call = json.dumps(f"__import__('os').mkdir('{tmp_path / 'ran'}')")
    with pytest.raises(ValueError, match=r"^computes a size by "):
        checked(changed(archive, symbol, call))
    assert not (tmp_path / "ran").exists()


def texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from texts(part)


@pytest.mark.parametrize(
    "operator",
    [
        "torch.serialization.os.system",
        "torch.hub.load",
        "torch.ops.aten.from_file.default",
        "torch.ops.aten.__class__.__init__",
        "torch.ops.mylib.run.default",
        "math.os",
        "_operator.attrgetter",
        "#mine:run",
        "os.system",
    ],
)
def test_what_is_no_operator_of_torch_is_refused_as_one(archive, operator):
    with pytest.raises(ValueError, match=f"^uses '{operator}', which is no operator of torch that is known to be"):
        checked(changed(archive, "torch.ops.aten.relu.default", operator))


@pytest.mark.parametrize("name", ["x=print(1)", "x\\n  import os", "__import__", "x y", "lambda"])
def test_a_tensor_with_the_name_of_code_is_refused(archive, name):
    old = '"user_input": {"arg": {"as_tensor": {"name": "images"}}}'
    with pytest.raises(ValueError, match=r"^uses '.+' as (the name of a tensor|a name): "):
        checked(changed(archive, old, old.replace("images", name)))


def test_guards_and_origins_of_operators_do_not_reach_torch(archive):
    harmful = changed(archive, '"guards_code": []', '"guards_code": ["print(1)"]')
    with zipfile.ZipFile(io.BytesIO(checked(harmful))) as program:
        graph = json.loads(program.read("program/models/model.json"))
    assert graph["guards_code"] == []
    kept = {name for node in graph["graph_module"]["graph"]["nodes"] for name in node["metadata"]}
    assert kept == {"nn_module_stack"}


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"data/aotinductor/model/a.so": b"\x7fELF"}, "holds machine code that AOTInductor compiled"),
        ({"serialized_exported_program.json": b"{}"}, "was written by a torch before 2.8"),
        ({"constants.pkl": b""}, "was written by torch.jit.save or torch.save"),
        ({"models/other.json": b"{}"}, "holds 2 programs"),
        ({"models/model.json": b"{"}, "has a description that is damaged"),
        ({"models/model.json": b"[]"}, "has a description that is damaged"),
        ({"models/model.json": b"[" * 100_000}, "has a description that is damaged"),
        ({"data/weights/model_weights_config.json": b"{}"}, "has a description that is damaged"),
        ({"data/weights/weight_0": b""}, "claims 216 values for 'conv.weight'"),
    ],
)
def test_an_archive_of_something_else_is_refused_in_one_line(archive, files, reason):
    with pytest.raises(ValueError, match=f"^{reason}") as refused:
        checked(packed(archive | files))
    assert "\n" not in str(refused.value)


def test_a_tensor_that_claims_more_than_there_is_is_refused(archive):
    weights = "data/weights/model_weights_config.json"
    described = json.loads(archive[weights])
    described["config"]["conv.weight"]["tensor_meta"]["sizes"] = [{"as_int": 1 << 40}]
    with pytest.raises(ValueError, match=r"^claims 1099511627776 values for 'conv.weight'"):
        checked(packed(archive | {weights: json.dumps(described).encode()}))


def test_a_file_that_is_cut_off_is_refused_at_every_place(archive):
    whole = packed(archive)
    for size in (0, 1, 100, len(whole) // 2, len(whole) - 1):
        with pytest.raises(ValueError, match=r"^is cut off or damaged"):
            checked(whole[:size])


def test_a_program_of_two_inputs_or_of_whole_numbers_is_refused(tmp_path):
    class Two(nn.Module):
        def forward(self, images, others):
            return images + others

    class Whole(nn.Module):
        def forward(self, images):
            return images.flatten(1) + 1

    file = tmp_path / "net.pt2"
    images = torch.zeros(1, 3, 8, 8)
    file.write_bytes(saved(torch.export.export(Two(), (images, images))))
    with pytest.raises(ValueError, match=r"^takes 2 inputs: a network with one input, of images, can be measured$"):
        models.read(file)
    file.write_bytes(saved(torch.export.export(Whole(), (images.to(torch.int64),))))
    with pytest.raises(ValueError, match=r"^takes int64, where images are float32 or float16$"):
        models.read(file)
    file.write_bytes(saved(torch.export.export(Whole(), (images[0],))))
    with pytest.raises(ValueError, match=r"^takes an input of 3 dimensions, where a batch of images has 4$"):
        models.read(file)
