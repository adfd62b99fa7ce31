"""Accuracy: how many labelled images a session gets right, and on how many it agrees with eager fp32."""

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnv2bench.backends import Images, Session
from mnv2bench.imagesets import ImageSet
from mnv2bench.networks import ImageShape
from mnv2bench.records import Accuracy

Classes = NDArray[np.int64]


class LabelledReference:
    """The labels of the labelled images, and the classes that eager fp32 gives them, in the order of the images."""

    def __init__(self, path: Path) -> None:
        with np.load(path) as file:
            self.labels: Classes = file["labels"]
            self.classes: Classes = file["classes"]


def batches(pictures: ImageSet, batch: int, shape: ImageShape, images: int | None = None) -> Iterator[Images]:
    """The labelled images in their order, in batches, or so many of them; the last batch repeats its last image."""
    singles = (image for part in pictures.labelled(shape) for image in part.images)
    chosen = islice(singles, images)
    while rows := list(islice(chosen, batch)):
        yield np.stack(rows + [rows[-1]] * (batch - len(rows)))


def classes(session: Session, batches: Iterable[Images]) -> Classes:
    """The class of each image of these batches, by the largest logit of a session."""
    largest = []
    for images in batches:
        session.put(images)
        session.run()
        largest.append(session.get().argmax(axis=1))
    return np.concatenate(largest)


def accuracy(classes: Classes, reference: LabelledReference, image_set: str) -> Accuracy:
    """The accuracy of the classes that the first labelled images were given; those behind the last image are padding.

    `image_set` is the name of the images.
    """
    labelled = len(reference.labels)
    images = min(len(classes), labelled)
    own, labels, expected = classes[:images], reference.labels[:images], reference.classes[:images]
    return Accuracy(
        status="ok",
        image_set=image_set,
        labelled=labelled,
        images=images,
        right=int((own == labels).sum()),
        agreeing=int((own == expected).sum()),
        reference_right=int((expected == labels).sum()),
    )
