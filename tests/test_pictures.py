"""A user's pictures: one part is tested, another part calibrates, and what cannot be used is refused in one line."""

import shutil
import sys

import numpy as np
import pytest
import torch
from PIL import Image

from mnv2bench import networks
from mnv2bench.digits import images as digit_images
from mnv2bench.imagesets import OfFolder
from mnv2bench.networks import ImageShape
from mnv2bench.pictures import pictures, require_readable
from mnv2bench.records.journal import load
from mnv2bench.refusals import Unavailable
from mnv2bench.selection import select

MARGIN = 7  # of 110 pixels, which the crop to 96 takes away
SMALL = ("--suites", "latency", "--widths", "0.35", "--resolutions", "96", "--threads", "1", "--processes", "1")


def save_digits(folder, number):
    """Held-out digits as pictures which, cropped to 96 pixels, are what the digits network was trained on."""
    ink, labels = digit_images.held_out()
    trained_on = digit_images.images(ink[:number], 96, 96)
    margins = ((0, 0), (MARGIN, MARGIN), (MARGIN, MARGIN))
    means, deviations = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
    for place, (image, label) in enumerate(zip(trained_on, labels, strict=False)):
        padded = np.pad(image, margins, mode="edge").transpose(1, 2, 0)
        of_class = folder / str(label)
        of_class.mkdir(parents=True, exist_ok=True)
        pixels = np.clip(np.rint(255 * (padded * deviations + means)), 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(of_class / f"{place}.png")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """200 digits in ten folders."""
    folder = tmp_path_factory.mktemp("pictures") / "digits"
    save_digits(folder, 200)
    return folder


@pytest.fixture
def copied(folder, tmp_path):
    """A copy that a test may change."""
    return shutil.copytree(folder, tmp_path / "digits")


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """The digits network with ten classes, as a file of a user."""
    path = tmp_path_factory.mktemp("weights") / "ten.pt"
    torch.save(networks.digits_state("mobilenet_v2", 0.35, 10), path)
    return path


# the two parts


def test_a_quarter_of_the_pictures_calibrates_and_is_never_tested_on(folder):
    every = pictures(folder, 10)
    assert (len(every.tested), len(every.calibration)) == (150, 50)
    contents = {picture.path.read_bytes() for picture in every.tested}
    assert len(contents) == 150
    assert not contents & {picture.path.read_bytes() for picture in every.calibration}
    assert all(picture.label == int(picture.path.parent.name) for picture in (*every.tested, *every.calibration))


def test_the_part_of_a_picture_follows_from_its_content_and_not_from_its_name(folder, copied):
    for number, file in enumerate(sorted(copied.glob("3/*.png"))):
        file.rename(file.with_name(f"renamed {1000 - number}.png"))
    before, after = pictures(folder, 10), pictures(copied, 10)
    assert after.content == before.content
    assert [p.content for p in after.tested] == [p.content for p in before.tested]


def test_neighbours_are_of_different_classes(folder):
    labels = [picture.label for picture in pictures(folder, 10).tested[:20]]
    assert labels == [*range(10), *range(10)]


def test_one_file_twice_could_be_tested_and_calibrated_on_and_is_refused(copied):
    file = min(copied.glob("4/*.png"))
    shutil.copy(file, copied / "4" / "zz.png")
    with pytest.raises(ValueError, match=r"^4/\d+\.png and 4/zz\.png are the same file, .*: remove one of them$"):
        pictures(copied, 10)


def test_one_picture_in_two_files_is_refused_by_its_pixels(copied):
    file = min(copied.glob("4/*.png"))
    Image.open(file).save(copied / "4" / "again.png", compress_level=1)
    assert (copied / "4" / "again.png").read_bytes() != file.read_bytes()
    with pytest.raises(ValueError, match=r"^4/\w+\.png and 4/\w+\.png have the same pixels, .*: remove one of them$"):
        require_readable(copied, pictures(copied, 10))


def test_pictures_of_16_bits_are_refused_because_they_would_all_be_white(copied):
    Image.fromarray(np.full((96, 96), 40_000, np.uint16)).save(copied / "4" / "deep.png")
    with pytest.raises(
        ValueError, match=r"^4/deep\.png has more than 8 bits in a pixel \(mode I;16\): save it with 8 b"
    ):
        require_readable(copied, pictures(copied, 10))


def test_a_folder_within_a_class_is_refused(copied):
    (copied / "4" / "more").mkdir()
    with pytest.raises(ValueError, match=r"^holds 4/more, which is a folder: put its pictures one level up$"):
        pictures(copied, 10)


def test_too_few_pictures_are_refused(tmp_path):
    save_digits(tmp_path, 60)
    with pytest.raises(ValueError, match=r"^45 of its 60 pictures are left to test, and 50 are needed: add pictures$"):
        pictures(tmp_path, 10)


# classes


def test_names_that_are_no_numbers_are_classes_in_their_order(copied):
    for number, name in enumerate(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]):
        (copied / str(number)).rename(copied / name)
    labels = {picture.path.parent.name: picture.label for picture in pictures(copied, 10).tested}
    assert (labels["eight"], labels["zero"]) == (0, 9)


def test_folders_that_are_numbers_may_be_some_of_the_classes(copied):
    shutil.rmtree(copied / "7")
    (copied / "8").rename(copied / "0999")
    labels = {picture.label for picture in pictures(copied, 1000).tested}
    assert labels == {0, 1, 2, 3, 4, 5, 6, 9, 999}


@pytest.mark.parametrize(
    ("change", "classes", "reason"),
    [
        (lambda f: None, 9, "has a folder 9, and the classes of the weights are 0 to 8"),
        (lambda f: (f / "9").rename(f / "nine"), 1000, "has 10 folders, and the weights have 1000 classes: make a "),
        (lambda f: (f / "10").mkdir(), 11, "has no picture in 10: add pictures, or remove the folder"),
        (
            lambda f: (f / "3" / "notes.txt").write_text("x"),
            10,
            "holds 3/notes.txt, which is no picture .*: remove",
        ),
        (lambda f: (f / "00").mkdir(), 10, "has two folders with the same number: join them"),
        (
            lambda f: [shutil.rmtree(part) for part in f.iterdir()],
            10,
            "holds no folder: put the pictures of each",
        ),
        (shutil.rmtree, 10, "is no folder: name one that holds a folder for each class"),
    ],
)
def test_a_folder_that_does_not_fit_the_classes_is_refused(copied, change, classes, reason):
    change(copied)
    with pytest.raises(ValueError, match=f"^{reason}"):
        pictures(copied, classes)


# pixels


def test_a_damaged_picture_is_refused_by_its_name(copied):
    file = min(copied.glob("4/*.png"))
    file.write_bytes(file.read_bytes()[:-300])
    with pytest.raises(ValueError, match=rf"^4/{file.name} is damaged \(.+\): replace or remove it$"):
        require_readable(copied, pictures(copied, 10))
    file.write_text("no picture")
    with pytest.raises(ValueError, match=rf"^4/{file.name} is no picture, or is damaged: replace or remove it$"):
        require_readable(copied, pictures(copied, 10))


def test_without_pillow_the_extra_is_named(folder, monkeypatch):
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(Unavailable, match=r"^pillow is not installed: pip install 'mnv2bench\[images\]'$"):
        require_readable(folder, pictures(folder, 10))


def test_a_picture_becomes_what_the_network_was_trained_on(folder):
    of_folder = OfFolder(folder, 10, pictures(folder, 10).content)
    ink, _ = digit_images.held_out()
    first = of_folder.pictures.tested[0].path
    expected = digit_images.images(ink[int(first.stem)][None], 96, 96)
    images = of_folder.batch(seed=0, batch=8, shape=ImageShape(3, 96, 96))
    assert (images.shape, images.dtype, images.flags.c_contiguous) == ((8, 3, 96, 96), np.float32, True)
    assert np.abs(images[0] - expected[0]).max() < 0.01  # half a step of 255 over the deviation


def test_a_wide_picture_is_cropped_in_the_middle_and_normalised_as_imagenet_is(tmp_path):
    """Thirds of red, green and blue, of which the crop keeps the green one."""
    save_digits(tmp_path, 100)
    stripes = np.zeros((50, 900, 3), np.uint8)
    for colour in range(3):
        stripes[:, 300 * colour : 300 * (colour + 1), colour] = 255
    Image.fromarray(stripes).save(tmp_path / "0" / "stripes.png")
    of_folder = OfFolder(tmp_path, 10, pictures(tmp_path, 10).content)
    every = np.concatenate(
        [
            *(part.images for part in of_folder.labelled(ImageShape(3, 32, 32))),
            of_folder.calibration(100, ImageShape(3, 32, 32)),
        ]
    )
    names = [picture.path.name for picture in (*of_folder.pictures.tested, *of_folder.pictures.calibration)]
    expected = [-0.485 / 0.229, (1 - 0.456) / 0.224, -0.406 / 0.225]
    assert np.allclose(every[names.index("stripes.png")], np.array(expected)[:, None, None], atol=1e-5)


def test_a_picture_is_grey_for_a_network_of_one_channel_and_covers_images_that_are_not_square(tmp_path):
    """Of thirds of red, green and blue the crop keeps the green one, whose grey is 150 of 255."""
    save_digits(tmp_path, 100)
    stripes = np.zeros((50, 900, 3), np.uint8)
    for colour in range(3):
        stripes[:, 300 * colour : 300 * (colour + 1), colour] = 255
    Image.fromarray(stripes).save(tmp_path / "0" / "stripes.png")
    of_folder = OfFolder(tmp_path, 10, pictures(tmp_path, 10).content)
    for shape in (ImageShape(1, 32, 64), ImageShape(1, 64, 32)):
        every = np.concatenate(
            [*(part.images for part in of_folder.labelled(shape)), of_folder.calibration(100, shape)]
        )
        names = [picture.path.name for picture in (*of_folder.pictures.tested, *of_folder.pictures.calibration)]
        assert every.shape == (len(names), *shape)
        assert np.allclose(every[names.index("stripes.png")], (150 / 255 - 0.449) / 0.226, atol=1e-5)


def test_a_folder_that_changed_since_it_was_checked_is_refused(copied):
    content = pictures(copied, 10).content
    min(copied.glob("4/*.png")).unlink()
    with pytest.raises(ValueError, match="changed since it was checked: begin again, without --resume"):
        OfFolder(copied, 10, content)


# the command line


def test_pictures_without_weights_of_their_own_are_refused(folder):
    for texts in ({"images": str(folder)}, {"images": str(folder), "weights": "seeded"}):
        with pytest.raises(
            ValueError, match="--images are pictures for the classes of your own weights or model: name "
        ):
            select(texts)


@pytest.mark.slow
def test_a_folder_that_cannot_be_used_ends_in_one_line_before_anything_is_measured(command, copied, weights, tmp_path):
    min(copied.glob("4/*.png")).write_text("no picture")
    out = tmp_path / "out.jsonl"
    ended = command("mnv2bench", "run", *SMALL, "--weights", weights, "--images", copied, "--out", out)
    assert ended.returncode == 2
    assert f"--images {copied}: 4/" in ended.stderr
    assert "is no picture, or is damaged: replace or remove it" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not out.exists()


@pytest.mark.slow
def test_a_users_own_weights_have_an_accuracy_on_the_users_own_pictures(command, folder, weights, tmp_path):
    out = tmp_path / "out.jsonl"
    options = ("--weights", weights, "--images", folder, "--out", out, "--backends", "torch_eager,onnxruntime")
    ended = command("mnv2bench", "run", *SMALL, "--rounds", "1", "--no-wait", *options)
    assert ended.returncode == 0, ended.stderr
    for record in load(out):
        assert record.status == "ok"
        assert record.case.classes == 10
        assert record.weights.images == str(folder)
        accuracy = record.accuracy
        assert (accuracy.image_set, accuracy.labelled, accuracy.images) == ("images of digits", 150, 150)
        assert accuracy.right >= 140
        assert accuracy.agreeing == 150
