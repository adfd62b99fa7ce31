"""The library of samples that LoadGen chooses from: images whose answers are known, each a sample."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mnv2bench.artifacts import UNKNOWN_SEEDS
from mnv2bench.backends import Images
from mnv2bench.case import Case
from mnv2bench.imagesets import image_set
from mnv2bench.records import Weights
from mnv2bench.workers.outputs import Comparison, Reference, compare_timed

OF_A_SEED = 8  # images
SIZE = len(UNKNOWN_SEEDS) * OF_A_SEED


class Library:
    """The images of a case, by their numbers from 0, and eager fp32's logits of each.

    `reference` is the file with the logits of batches of OF_A_SEED images. None of these images is among those that
    outputs are checked on before anything is timed.
    """

    def __init__(self, case: Case, weights: Weights, reference: Path) -> None:
        self.case, self.weights, self.reference = case, weights, reference
        self.pictures = image_set(case, weights)
        self.images: dict[int, Images] = {}

    def load(self, numbers: Iterable[int]) -> None:
        """Make these images, before LoadGen times anything."""
        for number in numbers:
            if number not in self.images:
                self._load_seed(number // OF_A_SEED)

    def unload(self, numbers: Iterable[int]) -> None:
        """Forget these images."""
        for number in numbers:
            self.images.pop(number, None)

    def batch(self, numbers: Iterable[int], batch: int) -> Images:
        """The images of these numbers as a batch; the last one fills a batch that they do not fill."""
        chosen = [self.images[number] for number in numbers]
        if len(chosen) == 1 and batch == 1:
            return chosen[0]
        return np.concatenate(chosen + [chosen[-1]] * (batch - len(chosen)))

    def check(self, logits: Mapping[int, NDArray[np.float32]]) -> Comparison:
        """Hold the logits of images, by their numbers, against the reference. ValueError for fewer than two."""
        if len(logits) < 2:
            raise ValueError(f"LoadGen asked for {len(logits)} images only: name more --min-queries")
        numbers = sorted(logits)
        expected = Reference(self.reference).of(UNKNOWN_SEEDS).reshape(SIZE, 1, -1)
        outputs = [logits[number][np.newaxis] for number in numbers]
        return compare_timed(outputs, expected[numbers], self.case.precision, self.weights.kind(self.case))

    def _load_seed(self, place: int) -> None:
        images = self.pictures.batch(UNKNOWN_SEEDS[place], OF_A_SEED, self.case.image)
        for index in range(OF_A_SEED):
            self.images[place * OF_A_SEED + index] = np.ascontiguousarray(images[index : index + 1])
