"""Weights: what a campaign's networks were given as weights, as its head keeps it."""

from enum import StrEnum

from msgspec import Struct
from msgspec.structs import force_setattr

from mnv2bench import digits, networks
from mnv2bench.case import Case
from mnv2bench.records.ranges import Integer, Text, Whole


class WeightsKind(StrEnum):
    """Where the weights of one case are from."""

    FILE = "file"
    DIGITS = "digits"
    SEEDED = "seeded"
    MODEL = "model"


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """The weights of a campaign's networks: trained on digits, made from a seed, or read from a file of the user.

    `digits` names the training whose weights each network has that can compute what the digits network does; "" where
    none has, as before schema 6. All other networks have weights made from `seed`, unless `file` is given.

    `content` is what makes two weights the same: the training and the seed, or the SHA-256 of the file; it is "" for a
    file that was not read yet. `reading` says what was unwrapped, renamed and converted. `subnormal` is how many values
    are so close to 0 that many processors are slow with them; None where nobody counted, as before schema 5.

    `images` is a folder of the user with labelled pictures for the file, and `images_content` a digest of them, ""
    while they were not read; both are "" before schema 6.
    """

    seed: Integer = 0
    file: Text = ""
    content: Text = ""
    reading: Text = ""
    subnormal: Whole | None = None
    digits: Text = ""
    images: Text = ""
    images_content: Text = ""

    def __post_init__(self) -> None:
        if not self.file and not self.content:
            content = f"digits {self.digits}, seed {self.seed}" if self.digits else f"seed {self.seed}"
            force_setattr(self, "content", content)

    def kind(self, case: Case) -> WeightsKind:
        """Where the weights of this case are from; a network in a file of the user has its own."""
        if networks.described.is_file(case.network):
            return WeightsKind.MODEL
        if self.file:
            return WeightsKind.FILE
        if self.digits and networks.has_digits_weights(case.network, case.width, case.classes, case.channels):
            return WeightsKind.DIGITS
        return WeightsKind.SEEDED

    def has_labelled_images(self, case: Case) -> bool:
        """Whether there are labelled images to measure an accuracy on with the weights of this case."""
        return self.kind(case) == WeightsKind.DIGITS or bool(self.images)

    def name_of(self, case: Case) -> str:
        """The weights of this case in a table: `digits`, `seed 0`, or the path of the user's file."""
        match self.kind(case):
            case WeightsKind.FILE:
                return self.file
            case WeightsKind.MODEL:
                return "its own"
            case WeightsKind.DIGITS:
                return WeightsKind.DIGITS
            case WeightsKind.SEEDED:
                return f"seed {self.seed}"

    def content_of(self, case: Case) -> str:
        """What makes the weights of this case the same as others: part of the name of every file made from them."""
        match self.kind(case):
            case WeightsKind.FILE:
                return f"{self.content} {self.images_content}".rstrip()
            case WeightsKind.MODEL:
                return f"{case.network} {self.images_content}".rstrip()
            case WeightsKind.DIGITS:
                return f"digits {self.digits}"
            case WeightsKind.SEEDED:
                return self.name_of(case)


def default_weights(seed: int = 0) -> Weights:
    """The weights where nothing else is requested: trained on digits where a network can have them, else seeded."""
    return Weights(seed=seed, digits=digits.digest())
