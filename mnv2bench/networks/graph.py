"""The layers of a network listed by calls, of which each has the sizes and channels that follow from its inputs."""

from collections.abc import Sequence
from typing import Literal

from mnv2bench.networks.layer import IMAGE, NORM_EPS, Activation, Layer, LayerType, Pads, Pool
from mnv2bench.networks.shapes import ImageShape, Sides


class Graph:
    """A list of layers that grows by one with each call; sizes and channels follow from the inputs.

    Each method returns the name of the new layer, to be an input of later ones.
    """

    def __init__(self, image: ImageShape, norm_eps: float = NORM_EPS) -> None:
        self.layers: list[Layer] = []
        self._norm_eps = norm_eps
        self._shapes = {IMAGE: (image.channels, image.sides)}

    def conv(
        self,
        name: str,
        source: str,
        channels: int,
        kernel: int = 1,
        stride: int = 1,
        *,
        groups: int = 1,
        pads: Sides | Literal["same"] | None = None,
        norm: bool = True,
        bias: bool | None = None,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """A convolution, with batch norm instead of a bias unless `norm` is False; padded by half a kernel.

        `pads` are the zeros before and after each row and column, or "same" for those of TensorFlow's SAME. `bias` says
        whether there is one, where that is not so.
        """
        inputs, size = self._shapes[source]
        padding = _pads(size, kernel, stride, (kernel // 2, kernel // 2) if pads is None else pads)
        layer_type: LayerType = "depthwise" if groups == inputs == channels else "conv"
        return self._append(
            Layer(
                name,
                layer_type,
                (source,),
                inputs,
                channels,
                size,
                _out_size(size, kernel, stride, padding),
                (kernel, kernel),
                (stride, stride),
                padding,
                groups,
                has_bias=not norm if bias is None else bias,
                norm=norm,
                activation=activation,
                modules=modules,
                norm_eps=self._norm_eps,
            )
        )

    def depthwise(
        self,
        name: str,
        source: str,
        kernel: int,
        stride: int = 1,
        *,
        pads: Sides | Literal["same"] | None = None,
        norm: bool = True,
        bias: bool | None = None,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """A convolution of each channel by itself, with batch norm unless `norm` is False."""
        channels, _ = self._shapes[source]
        return self.conv(
            *(name, source, channels, kernel, stride),
            groups=channels,
            pads=pads,
            norm=norm,
            bias=bias,
            activation=activation,
            modules=modules,
        )

    def linear(
        self, name: str, source: str, channels: int, *, dropout: float = 0.0, modules: tuple[str, ...] = ()
    ) -> str:
        inputs, size = self._shapes[source]
        return self._append(
            Layer(
                name, "linear", (source,), inputs, channels, size, size, has_bias=True, dropout=dropout, modules=modules
            )
        )

    def add(
        self, name: str, sources: Sequence[str], *, activation: Activation = "", modules: tuple[str, ...] = ()
    ) -> str:
        channels, size = self._shapes[sources[0]]
        return self._append(
            Layer(name, "add", tuple(sources), channels, channels, size, size, activation=activation, modules=modules)
        )

    def concat(
        self,
        name: str,
        sources: Sequence[str],
        *,
        norm: bool = False,
        activation: Activation = "",
        modules: tuple[str, ...] = (),
    ) -> str:
        """The channels of all inputs, in their order; with `norm` a batch norm of them all."""
        size = self._shapes[sources[0]][1]
        channels = sum(self._shapes[source][0] for source in sources)
        return self._append(
            Layer(
                name,
                "concat",
                tuple(sources),
                channels,
                channels,
                size,
                size,
                norm=norm,
                activation=activation,
                modules=modules,
                norm_eps=self._norm_eps,
            )
        )

    def shuffle(self, name: str, source: str, groups: int, *, modules: tuple[str, ...] = ()) -> str:
        """The same channels in the order that takes one of each group in turn."""
        channels, size = self._shapes[source]
        return self._append(
            Layer(name, "shuffle", (source,), channels, channels, size, size, groups=groups, modules=modules)
        )

    def activate(self, name: str, source: str, activation: Activation, *, modules: tuple[str, ...] = ()) -> str:
        """An activation that no other layer owns, such as one before a convolution."""
        channels, size = self._shapes[source]
        return self._append(
            Layer(name, "activation", (source,), channels, channels, size, size, activation=activation, modules=modules)
        )

    def pool(
        self,
        name: str,
        source: str,
        pool: Pool = "average",
        kernel: int = 0,
        stride: int = 1,
        *,
        pads: Sides | Literal["same"] = (0, 0),
        counts_pads: bool = True,
        modules: tuple[str, ...] = (),
    ) -> str:
        """Of the whole image where no kernel is named. Padded zeros count in an average where `counts_pads`."""
        channels, size = self._shapes[source]
        if not kernel:
            return self._append(
                Layer(name, "pool", (source,), channels, channels, size, (1, 1), size, pool=pool, modules=modules)
            )
        padding = _pads(size, kernel, stride, pads)
        out_size = _out_size(size, kernel, stride, padding)
        return self._append(
            Layer(
                name,
                "pool",
                (source,),
                channels,
                channels,
                size,
                out_size,
                (kernel, kernel),
                (stride, stride),
                padding,
                pool=pool,
                modules=modules,
                counts_pads=counts_pads,
            )
        )

    def _append(self, layer: Layer) -> str:
        if layer.name in self._shapes:
            raise ValueError(f"two layers are called {layer.name}: give each a name of its own")
        self._shapes[layer.name] = (layer.out_channels, layer.out_size)
        self.layers.append(layer)
        return layer.name


def _pads(size: Sides, kernel: int, stride: int, pads: Sides | Literal["same"]) -> Pads:
    """The zeros before and after each column and each row."""
    if pads != "same":
        return pads, pads
    return same(size[0], kernel, stride), same(size[1], kernel, stride)


def same(side: int, kernel: int, stride: int) -> Sides:
    """As TensorFlow's SAME pads: where the number is odd, one more at the end."""
    total = max(0, (-(-side // stride) - 1) * stride + kernel - side)
    return total // 2, total - total // 2


def _out_size(size: Sides, kernel: int, stride: int, pads: Pads) -> Sides:
    height, width = ((side + sum(zeros) - kernel) // stride + 1 for side, zeros in zip(size, pads, strict=True))
    return height, width
