"""Other people's latencies of MobileNetV2 on phones and boards, and which of them are of a given SoC."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from mnv2bench.paper import table

CORES = {"0": "all cores", "1": "little cores", "2": "big cores"}  # benchncnn's powersave
NCNN_VARIANT = "mobilenet_v2_1.0_224"
NCNN_SOURCE = "Tencent/ncnn benchmark/README.md @a4d2ea1d"
NCNN_CONDITIONS = "ncnn's own graph, zero weights, fp16 where the CPU has it, versions mostly unstated"
CPU = "-1"


@dataclass(frozen=True)
class OnDevice:
    """One line of ncnn's list: 1.0@224, batch 1, on a CPU. `device` is as its authors wrote it."""

    device: str
    threads: int
    cores: str
    min_ms: float
    max_ms: float
    mean_ms: float


@cache
def on_devices() -> tuple[OnDevice, ...]:
    """ncnn's list, the rows of CPUs. QAI Hub's rows all ran on an NPU, timm's on PCs: neither stands beside a phone."""
    return tuple(
        OnDevice(
            device=row["device"],
            threads=int(row["num_threads"]),
            cores=CORES[row["powersave"]],
            min_ms=float(row["min_ms"]),
            max_ms=float(row["max_ms"]),
            mean_ms=float(row["avg_ms"]),
        )
        for row in table("others_ncnn")
        if row["gpu_device"] == CPU
    )


def of_soc(texts: Iterable[str], threads: int) -> tuple[OnDevice, ...]:
    """The published rows of what a device says of itself, at that many threads; () for one that nobody published.

    A name counts where it stands in a text as whole words, whatever the case: RK3588 is not RK3588S.
    """
    said = [_words(text) for text in texts]
    starts = tuple(row["device"] for row in table("others_socs") if any(_words(row["says"]) in text for text in said))
    return tuple(row for row in on_devices() if row.threads == threads and _is_of(row.device, starts))


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _is_of(device: str, starts: tuple[str, ...]) -> bool:
    """Whether it begins with one of the names, and with the whole of its last word."""
    return any(_words(device).startswith(_words(start)) for start in starts)
