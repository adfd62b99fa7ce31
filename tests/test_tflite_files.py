"""LiteRT's files of users: what is read of them, and what is refused in one line."""

import random

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from lite_writer import Writer

from mnv2bench.artifacts import models
from mnv2bench.networks import ImageShape
from mnv2bench.networks.counts import count


def written(image_shape=(2, 8, 6, 3), several=False, averaged=True):
    """A file with a convolution of 3 channels to 4 whose weights are seeded, and an average over the image."""
    rng, file = np.random.default_rng(0), Writer()
    image = file.tensor("images", image_shape)
    weights = file.tensor("weights", (4, 3, 3, 3), rng.normal(size=(4, 3, 3, 3)))
    zeros = file.tensor("bias", (4,), np.zeros(4))
    batch, height, width, _ = image_shape
    map = file.operator(
        "CONV_2D",
        (image, weights, zeros),
        file.tensor("map", (batch, height, width, 4)),
        "Conv2DOptions",
        padding=schema.Padding.SAME,
        strideH=1,
        strideW=1,
    )
    if not averaged:
        return file.content(image, map)
    axes = file.tensor("axes", (2,), [1, 2], np.int32)
    mean = file.operator("MEAN", (map, axes), file.tensor("mean", (batch, 4)), "ReducerOptions")
    content = file.content(image, mean)
    if several:
        file.graph.outputs, file.model.signatureDefs = [map, mean], []
        return file.packed()
    return content


def saved(folder, content, name="net.tflite"):
    file = folder / name
    file.write_bytes(content)
    return file


def test_a_file_with_channels_last_says_its_images_its_batch_and_its_counts(tmp_path):
    read = models.read(saved(tmp_path, written()))
    assert (read.image, read.batch, read.classes, read.precision) == (ImageShape(3, 8, 6), 2, 4, "fp32")
    assert read.network == f"net.tflite-{read.content[:8]}"
    assert count(read.layers).madds == 8 * 6 * 4 * 3 * 9
    assert models.read(saved(tmp_path, written()), (8, 6)) == read
    with pytest.raises(ValueError, match=r"^takes images of 8x6 alone: leave --resolutions out$"):
        models.read(saved(tmp_path, written()), (8, 8))


def test_all_outputs_of_a_file_are_its_classes(tmp_path):
    assert models.read(saved(tmp_path, written(several=True))).classes == 8 * 6 * 4 + 4


def test_a_damaged_file_is_refused_in_one_line_and_ends_no_process(tmp_path):
    content = written()
    for seed in range(40):
        choices, damaged = random.Random(seed), bytearray(content)
        for _ in range(choices.choice((1, 3, 10))):
            damaged[choices.randrange(8, len(damaged))] = choices.randrange(256)
        if not seed % 4:
            damaged = damaged[: choices.randrange(len(damaged))]
        try:
            models.read(saved(tmp_path, damaged))
        except ValueError as error:
            assert "\n" not in str(error)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is no LiteRT file: its bytes 4 to 8 are not TFL3"),
        (b"PK\x03\x04 a zip of something", "is no LiteRT file: its bytes 4 to 8 are not TFL3"),
        (b"\x00\x00\x00\x00TFL3", "LiteRT does not open it: "),
        (b"\xff\xff\xff\x7fTFL3" + bytes(100), "LiteRT does not open it: "),
    ],
)
def test_what_is_no_file_of_litert_is_refused_in_one_line(tmp_path, content, reason):
    with pytest.raises(ValueError, match=f"^{reason}"):
        models.read(saved(tmp_path, content))


def test_a_file_whose_tensors_need_all_memory_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"^has tensors of 1\.1e\+10 numbers together: no network here needs so much"):
        models.read(saved(tmp_path, written((1, 30_000, 50_000, 3))))


def test_an_operator_of_somebody_else_is_refused_with_its_name(tmp_path):
    file = Writer()
    image = file.tensor("images", (1, 8, 8, 3))
    result = file.operator("CUSTOM", (image,), file.tensor("result", (1, 8, 8, 3)))
    file.model.operatorCodes[0].customCode = b"TheirOwn"
    with pytest.raises(ValueError, match=r"^LiteRT does not open it: .*unresolved custom op: TheirOwn"):
        models.read(saved(tmp_path, file.content(image, result)))


def test_a_file_of_two_inputs_is_refused(tmp_path):
    file = Writer()
    images = [file.tensor(name, (1, 8, 8, 3)) for name in ("first", "second")]
    total = file.operator("ADD", images, file.tensor("sum", (1, 8, 8, 3)), "AddOptions")
    file.content(images[0], total)
    file.graph.inputs, file.model.signatureDefs = images, []
    with pytest.raises(ValueError, match=r"^takes 2 inputs: a network with one input, of images, can be measured$"):
        models.read(saved(tmp_path, file.packed()))
