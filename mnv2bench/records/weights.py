"""Weights: what a campaign's networks were given as weights, as its head keeps it."""

from msgspec import Struct
from msgspec.structs import force_setattr

from mnv2bench.records.ranges import Integer, Text, Whole


class Weights(Struct, frozen=True, forbid_unknown_fields=True):
    """The weights of a campaign's networks: made from a seed, or read from a file of the user.

    `content` is what makes two weights the same: the seed, or the SHA-256 of the file; it is "" for a file that was not
    read yet. `reading` says what was unwrapped, renamed and converted. `subnormal` is how many values are so close to 0
    that many processors are slow with them; None where nobody counted, as before schema 5.
    """

    seed: Integer = 0
    file: Text = ""
    content: Text = ""
    reading: Text = ""
    subnormal: Whole | None = None

    def __post_init__(self) -> None:
        if not self.file and not self.content:
            force_setattr(self, "content", f"seed {self.seed}")
