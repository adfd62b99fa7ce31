"""The measuring and the deciding measured: checks that print what they found and say whether it met its goal."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console

from mnv2bench.cases import is_gpu
from mnv2bench.selfcheck import device, duels, gpu, harness, history, nights, profiles

MEASURING = ("overhead", "benchmark_app", "aa")  # what is checked where nothing is named: minutes, and no second venv


@dataclass(frozen=True)
class Asked:
    """What the checks are given; each takes what it needs of it."""

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

    def pythons(self) -> tuple[str, str]:
        """The interpreters of two environments; ValueError where they were not named."""
        if not self.old or not self.new:
            raise ValueError("this check compares two environments: name --old PYTHON and --new PYTHON")
        return self.old, self.new


CHECKS: dict[str, Callable[[Asked, Console], bool]] = {
    "overhead": lambda asked, out: harness.overhead(asked.repeats, out),
    "benchmark_app": lambda asked, out: harness.benchmark_app(asked.repeats, out),
    "profile_openvino": lambda asked, out: profiles.openvino(asked.repeats, out),
    "aa": lambda asked, out: harness.aa(asked.repeats, out),
    "device": lambda asked, out: (
        gpu.check_gpu(asked.device, out, asked.files) if is_gpu(asked.device) else device.device(asked.device, out)
    ),
    "nights": lambda asked, out: nights.nights(asked.nights, asked.sittings, out, asked.seed),
    "history": lambda asked, out: history.history(asked.repeats, out),
    "duels": lambda asked, out: duels.alike(asked.pythons(), asked.minutes, asked.out, out),
    "injections": lambda asked, out: duels.injections(
        asked.pythons(), asked.repeats, asked.out, busy=False, seed=asked.seed, console=out
    ),
    "injections_busy": lambda asked, out: duels.injections(
        asked.pythons(), asked.repeats, asked.out, busy=True, seed=asked.seed, console=out
    ),
}
