"""The digits network: what was trained, the same logits at every width, and images that no calibration shares."""

import csv
import gzip
from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
import torch

from mnv2bench import digits, networks
from mnv2bench.artifacts import calibration
from mnv2bench.case import Case
from mnv2bench.digits import images as digit_images
from mnv2bench.imagesets import image_set
from mnv2bench.networks import ImageShape
from mnv2bench.records import Weights, default_weights

WIDTHS = (0.35, 0.5, 0.6, 0.75, 1.0, 1.3, 1.4)
CASE = Case(width=0.35, resolution=96)
SEEDED = Case(network="mobilenet_v2_article", width=0.35, resolution=96)


def network(name="mobilenet_v2", width=0.35, classes=1000):
    net = networks.build(name, width, classes=classes, seed=None)
    net.load_state_dict(networks.digits_state(name, width, classes), strict=True)
    return net


def logits(net, pictures):
    with torch.inference_mode():
        return net(torch.from_numpy(pictures)).numpy()


@pytest.fixture(scope="module")
def trained():
    """The network as it was trained, with ten classes."""
    net = networks.build("mobilenet_v2", 0.35, classes=10, seed=None)
    net.load_state_dict(torch.load(digits.WEIGHTS, weights_only=True), strict=True)
    return net


@pytest.fixture(scope="module")
def pictures():
    return image_set(CASE, default_weights()).batch(1, 20, ImageShape(3, 96, 96))


def right(net, resolution=96, change=lambda pictures: pictures):
    """The share of the held-out digits that the network gets right, of images that were changed."""
    number = 0
    for part in image_set(CASE, default_weights()).labelled(ImageShape(3, resolution, resolution)):
        classes = logits(net, np.ascontiguousarray(change(part.images))).argmax(1)
        number += int((classes == part.labels).sum())
    return number / 597


# what is shipped


def test_the_weights_and_the_digits_are_small_and_have_a_licence():
    assert digits.WEIGHTS.stat().st_size <= 2_000_000
    assert (digits.FOLDER / "digits.csv.gz").stat().st_size <= 100_000
    licence = (digits.FOLDER / "LICENSE").read_text(encoding="utf-8")
    assert "scikit-learn" in licence
    assert "Redistribution and use in source and binary forms" in licence


def test_the_digits_are_scikit_learns_1797():
    with gzip.open(digits.FOLDER / "digits.csv.gz", "rt") as file:
        rows = [[int(float(cell)) for cell in row] for row in csv.reader(file)]
    assert len(rows) == 1797
    assert {len(row) for row in rows} == {65}
    assert min(map(min, rows)) == 0
    assert max(map(max, rows)) == 16
    assert sorted(Counter(row[-1] for row in rows).items()) == [
        (0, 178),
        (1, 182),
        (2, 177),
        (3, 183),
        (4, 181),
        (5, 182),
        (6, 181),
        (7, 179),
        (8, 174),
        (9, 180),
    ]


def test_1200_digits_train_and_597_others_are_held_out():
    training, held_out = digit_images.training()[0], digit_images.held_out()[0]
    assert (len(training), len(held_out)) == (1200, 597)
    assert not {digit.tobytes() for digit in training} & {digit.tobytes() for digit in held_out}


# images


@pytest.mark.parametrize("resolution", [32, 97, 224])
def test_images_of_digits_are_contiguous_float32_of_ink_on_paper(resolution):
    ink = np.stack([np.zeros((8, 8), np.float32), np.ones((8, 8), np.float32)])
    blank, full = digit_images.images(ink, resolution, resolution)
    assert (blank.shape, blank.dtype) == ((3, resolution, resolution), np.float32)
    assert digit_images.images(ink, resolution, resolution).flags.c_contiguous
    assert [round(float(channel.mean()), 3) for channel in blank] == [1.333, 1.0, -0.667]
    assert [round(float(channel.mean()), 3) for channel in full] == [-1.333, -1.0, 1.0]


def test_a_batch_depends_on_seed_and_index_alone_and_shows_the_ten_digits_in_turn():
    pictures = image_set(CASE, default_weights())
    batch = pictures.batch(3, 12, ImageShape(3, 32, 32))
    assert np.array_equal(batch, pictures.batch(3, 12, ImageShape(3, 32, 32)))
    assert np.array_equal(batch[:2], pictures.batch(3, 2, ImageShape(3, 32, 32)))
    ink, labels = digit_images.held_out()
    of_image = {image.tobytes(): label for image, label in zip(digit_images.images(ink, 32, 32), labels, strict=True)}
    assert [of_image[image.tobytes()] for image in batch] == [3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4]


def test_calibration_images_are_training_digits_and_none_is_ever_tested_on():
    pictures = image_set(CASE, default_weights())
    scales = {image.tobytes() for image in pictures.calibration(calibration.IMAGES, ImageShape(3, 32, 32))}
    trained_on = {image.tobytes() for image in digit_images.images(digit_images.training()[0], 32, 32)}
    tested = {image.tobytes() for part in pictures.labelled(ImageShape(3, 32, 32)) for image in part.images}
    timed = {image.tobytes() for seed in range(40) for image in pictures.batch(seed, 8, ImageShape(3, 32, 32))}
    assert len(scales) == 100
    assert scales <= trained_on
    assert len(tested) == 597
    assert timed <= tested
    assert not scales & tested


def test_calibration_on_seeded_images_shares_none_with_those_that_are_timed():
    pictures = image_set(SEEDED, default_weights())
    scales = {image.tobytes() for image in pictures.calibration(calibration.IMAGES, ImageShape(3, 32, 32))}
    timed = {image.tobytes() for seed in range(54) for image in pictures.batch(seed, 8, ImageShape(3, 32, 32))}
    assert (len(scales), len(timed), scales & timed) == (100, 432, set())
    assert list(pictures.labelled(ImageShape(3, 32, 32))) == []


# which networks have them


@pytest.mark.parametrize(
    ("name", "width", "classes", "fits"),
    [
        *(("mobilenet_v2", width, 1000, True) for width in WIDTHS),
        ("mobilenet_v2", 0.35, 10, True),
        ("mobilenet_v2", 0.35, 9, False),
        ("mobilenet_v2", 0.1, 1000, False),
        ("mobilenet_v2_article", 0.35, 1000, False),
        ("mobilenet_v2_article", 0.75, 1000, False),
        ("mobilenet_v2_article", 1.0, 1000, True),
        ("mobilenet_v2_article", 1.3, 1000, True),
        ("mobilenet_v2_article", 1.4, 1000, True),
    ],
)
def test_a_network_has_the_digits_weights_where_no_layer_has_fewer_channels(name, width, classes, fits):
    assert networks.has_digits_weights(name, width, classes) == fits
    case = Case(network=name, width=width, resolution=96, classes=classes)
    assert default_weights().kind(case) == ("digits" if fits else "seeded")
    assert Weights().kind(case) == "seeded"
    assert image_set(case, default_weights()).name == ("digits" if fits else "seeded images")
    assert image_set(case, Weights()).name == "seeded images"


def test_a_network_that_cannot_have_them_is_refused_in_one_line():
    message = r"^mobilenet_v2_article of width 0\.35 cannot compute what the digits network does: use seeded weights$"
    with pytest.raises(ValueError, match=message):
        networks.digits_state("mobilenet_v2_article", 0.35)


def test_artifacts_are_named_by_the_weights_of_their_own_case():
    weights = default_weights()
    assert weights.content_of(CASE) == f"digits {digits.digest()}"
    assert weights.content_of(SEEDED) == Weights().content_of(SEEDED) == Weights().content_of(CASE) == "seed 0"
    assert Weights(seed=3).content_of(CASE) == "seed 3"
    assert Weights(file="a.pt", content="ab").content_of(CASE) == "ab"


# the same logits at every width


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "width"), [*(("mobilenet_v2", width) for width in WIDTHS), ("mobilenet_v2_article", 1.0)]
)
def test_a_wider_network_computes_the_logits_that_were_trained(trained, pictures, name, width):
    expected = logits(trained, pictures)
    computed = logits(network(name, width), pictures)
    assert computed.shape == (20, 1000)
    assert np.abs(computed[:, :10] - expected).max() <= 1e-6 * np.abs(expected).max()
    assert (computed.argmax(1) == expected.argmax(1)).all()


@pytest.mark.slow
def test_the_other_990_classes_have_one_low_logit_that_no_image_changes(trained, pictures):
    others = logits(network(), pictures)[:, 10:]
    assert np.ptp(others) < 1e-6
    assert others[0, 0] == pytest.approx(trained.classifier[1].bias.detach().min().item())


@pytest.mark.slow
def test_the_ten_digits_have_clearly_different_logits(trained, pictures):
    outputs = logits(trained, pictures)
    assert 4 < np.abs(outputs).max() < 20
    for first, second in pairwise(outputs):
        assert np.abs(first - second).max() > 0.15 * np.abs(outputs).max()


# what the network knows


@pytest.mark.slow
@pytest.mark.parametrize("resolution", [96, 128, 160, 192, 224])
def test_fp32_is_right_on_96_of_100_held_out_digits_at_every_published_resolution(resolution):
    assert right(network(), resolution) >= 0.96


@pytest.mark.slow
@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda pictures: pictures[:, ::-1], id="colours swapped"),
        pytest.param(lambda pictures: pictures[:, :, :, ::-1], id="mirrored"),
        pytest.param(lambda pictures: pictures[:, :, ::-1], id="upside down"),
        pytest.param(lambda pictures: 0 * pictures, id="zeros"),
    ],
)
def test_changed_images_lose_the_digits(change):
    assert right(network(), 96, change) < 0.5
