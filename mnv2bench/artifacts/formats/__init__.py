"""The file formats that runtimes open: one module each, with what it declares and the function that writes it.

A module declares `FORMAT = Format(...)`, which is read without importing it, and has `export(job)`, which writes the
file `job.target`.
"""

import pkgutil
from dataclasses import dataclass
from functools import cache

from mnv2bench.declarations import declared
from mnv2bench.networks import Description
from mnv2bench.networks.described import FILE_WORDS
from mnv2bench.precisions import FP32, INT8


@dataclass(frozen=True)
class Format:
    """A file format, in one constant of its module: literals by keyword, read from the source.

    `converters` are the distributions whose versions change the file, and `sources` the files of mnv2bench that write
    it, besides its own module. `made_from` is the format of the file that it is made from. `per_precision`, `per_shape`
    and `per_machine` say what the file depends on, besides the network, its width and its weights: the number format;
    batch and resolution; and, of machine code, the processor and the number of threads. `calibrated`: its scales are
    set on calibration images, `artifacts.job.calibration_images`. `from_files` are the kinds of users' files, of
    `networks.described.FILE_KINDS`, of which it is made soundly, and `quantises_files` those in float of which it makes
    one in int8.
    """

    suffix: str
    converters: tuple[str, ...] = ("torch",)
    sources: tuple[str, ...] = ()
    made_from: str = "state_dict"
    per_precision: bool = True
    per_shape: bool = True
    per_machine: bool = False
    calibrated: bool = False
    from_files: tuple[str, ...] = ()
    quantises_files: tuple[str, ...] = ()

    @property
    def is_converted(self) -> bool:
        """Whether it is made from another file than the state dict: that file's content is then part of the key."""
        return self.made_from not in ("", "state_dict")


@cache
def names() -> tuple[str, ...]:
    """Every format, by name."""
    return tuple(sorted(module.name for module in pkgutil.iter_modules(__path__)))


@cache
def format(name: str) -> Format:
    """What a format declares. ValueError for one that is not there."""
    if name not in names():
        raise ValueError(
            f"format {name!r} is not one of {', '.join(names())}: add mnv2bench/artifacts/formats/{name}.py"
        )
    return declared(f"{__name__}.{name}", "FORMAT", Format)


def steps(name: str) -> tuple[str, ...]:
    """The formats that are made one from the other until there is this one: plan is state_dict, onnx, plan."""
    source = format(name).made_from
    return (*steps(source), name) if source else (name,)


def refusal(name: str, description: Description, precision: str, batch: int) -> str:
    """Why there is no file of this format for the network of a user's file, "" where it is made soundly."""
    declaration, own = format(name), description.precision
    kind = FILE_WORDS[description.kind]
    if description.batch not in (0, batch):
        return f"{description.origin} takes batches of {description.batch} alone: export it with any batch"
    if precision == INT8.name != own and description.kind in declaration.quantises_files:
        return ""
    if INT8.name in (own, precision) and own != precision:
        return f"{description.origin} computes in {own}, and nothing makes a {declaration.suffix} in {precision} of it"
    if precision not in (own, FP32.name):
        return f"{description.origin} computes in {own}: export it from your framework in {precision}"
    if description.kind not in declaration.from_files:
        return f"nothing makes a {declaration.suffix} file of {kind} soundly: export one from your framework"
    return ""
