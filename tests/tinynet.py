"""A made-up family in one file, with what the families of the tree lack: groups, a shuffle, a concatenation."""

from mnv2bench.networks.family import Network
from mnv2bench.networks.graph import Graph
from mnv2bench.networks.layer import IMAGE

VARIANTS = ((1.0, 64), (0.5, 32))


def layers(width, image, classes):
    graph = Graph(image)
    channels = int(16 * width)
    stem = graph.conv("stem", IMAGE, channels, 3, 2, activation="relu", modules=("stem.0", "stem.1", "stem.2"))

    # A unit that halves the side: a convolution branch and the averaged input, one behind the other
    paths = ("halve.compress.0", "halve.compress.1", "halve.compress.2")
    branch = graph.conv("halve.compress", stem, channels // 2, groups=2, activation="relu", modules=paths)
    branch = graph.shuffle("halve.shuffle", branch, 2, modules=("halve.shuffle",))
    branch = graph.depthwise("halve.depthwise", branch, 3, 2, modules=("halve.depthwise.0", "halve.depthwise.1"))
    shrunk = graph.pool("halve.shrink", stem, "average", 3, 2, pads=(1, 1), modules=("halve.shrink",))
    joined = graph.concat("halve.join", (branch, shrunk), modules=("halve",))
    joined = graph.activate("halve.rectify", joined, "relu", modules=("halve.rectify",))

    # A unit with a residual
    paths = ("same.widen.0", "same.widen.1", "same.widen.2")
    widened = graph.conv("same.widen", joined, 2 * channels, activation="relu6", modules=paths)
    narrowed = graph.conv("same.narrow", widened, channels + channels // 2, modules=("same.narrow.0", "same.narrow.1"))
    added = graph.add("same.add", (joined, narrowed), modules=("same",))

    pooled = graph.pool("pool", added, modules=("",))
    graph.linear("classifier", pooled, classes, modules=("classifier",))
    return tuple(graph.layers)


NETWORKS = (
    Network(
        "tinynet",
        layers,
        (0.5, 1.0),
        (32, 64),
        {"brief": VARIANTS[:1], "quick": VARIANTS[:1], "published": (), "full": VARIANTS},
    ),
)
