"""What timm's authors published of its networks: accuracies of its weights, each network's default weights first."""

from functools import cache

from mnv2bench.networks.described import TIMM, is_of_timm
from mnv2bench.networks.family import Counting, Published, published_rows

COUNTING = Counting(norm_vectors=2, rounds=True)  # parameters with batch norm's weight and bias


def rows(network: str) -> tuple[Published, ...]:
    """The rows of the weights that a name means: of its tag, else of the weights that timm loads by default.

    The first is of the images that they were trained on. There are none of other networks.
    """
    return _by_name().get(network.removeprefix(TIMM), ()) if is_of_timm(network) else ()


@cache
def _by_name() -> dict[str, tuple[Published, ...]]:
    """By the name with its tag; without a tag a name means the weights that stand first in the file."""
    named: dict[str, tuple[Published, ...]] = {}
    for row in published_rows("timm_published"):
        named[row.model] = (*named.get(row.model, ()), row)
    for name, of_name in list(named.items()):
        named.setdefault(name.partition(".")[0], of_name)
    return named
