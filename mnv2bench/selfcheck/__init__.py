"""Checks of the measurements and of the gate; each prints its figures and returns whether they met its goal."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mnv2bench.case import is_gpu
from mnv2bench.records import Plan
from mnv2bench.selfcheck import (
    allocator,
    device,
    duels,
    gpu,
    harness,
    history,
    identical,
    loadgen,
    nights,
    profiles,
    shipped,
    streams,
)

DEFAULT_CHECKS = ("overhead", "benchmark_app", "aa")  # they take minutes and need no second environment


@dataclass(frozen=True)
class Options:
    """The options of all checks; each reads those that it needs."""

    repeats: int = 5
    nights: int = 400
    minutes: float = 40.0
    old: str = ""
    new: str = ""
    out: Path = Path("selfcheck")
    sittings: Path | None = None
    seed: int = 20261124
    device: str = ""
    files: tuple[Path, ...] = ()
    results: Path | None = None  # where the check keeps what it measured; None where it keeps nothing

    def pythons(self) -> tuple[str, str]:
        """The interpreters of two environments; ValueError where they are not named."""
        if not self.old or not self.new:
            raise ValueError("this check compares two environments: name --old PYTHON and --new PYTHON")
        return self.old, self.new


def _device(options: Options, out: Console) -> bool:
    """Check a GPU of this machine, or another device."""
    if is_gpu(options.device):
        return gpu.check_gpu(options.device, out, options.files)
    return device.device(options.device, out)


CHECKS: dict[str, Callable[[Options, Console], bool]] = {
    "overhead": lambda options, out: harness.overhead(options.repeats, out),
    "benchmark_app": lambda options, out: harness.benchmark_app(options.repeats, out),
    "profile_openvino": lambda options, out: profiles.openvino(options.repeats, out),
    "aa": lambda options, out: identical.aa(Plan(processes=options.repeats), out, options.results),
    "allocator": lambda options, out: allocator.check_allocator(Plan(processes=options.repeats), out, options.results),
    "streams": lambda options, out: streams.overhead_of_threads(options.repeats, out),
    "ship": lambda options, out: shipped.ship_check(options.repeats, out),
    "loadgen": lambda options, out: loadgen.check_loadgen(options.repeats, out),
    "device": _device,
    "nights": lambda options, out: nights.nights(options.nights, options.sittings, out, options.seed),
    "history": lambda options, out: history.history(options.repeats, out),
    "duels": lambda options, out: duels.alike(options.pythons(), options.minutes, options.out, out),
    "injections": lambda options, out: duels.injections(
        options.pythons(), options.repeats, options.out, busy=False, seed=options.seed, console=out
    ),
    "injections_busy": lambda options, out: duels.injections(
        options.pythons(), options.repeats, options.out, busy=True, seed=options.seed, console=out
    ),
}
