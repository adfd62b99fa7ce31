"""Other people's latencies of one network on phones and boards, and which of them are of a named SoC."""

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
    """A line of ncnn's list: NCNN_VARIANT, batch 1, on a CPU. `device` is as its authors wrote it."""

    device: str
    threads: int
    cores: str
    min_ms: float
    max_ms: float
    mean_ms: float


@cache
def on_devices() -> tuple[OnDevice, ...]:
    """The rows of CPUs in ncnn's list. QAI Hub's rows all ran on an NPU and timm's on PCs, so neither is used."""
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
    """The published rows of the SoC that a device's own texts name, at that many threads; () without any.

    A name counts where it stands in a text as whole words, whatever the case: RK3588 is not RK3588S.
    """
    own_texts = [_words(text) for text in texts]
    socs = [row for row in table("others_socs") if any(_words(row["says"]) in text for text in own_texts)]
    starts = tuple(row["device"] for row in socs)
    return tuple(row for row in on_devices() if row.threads == threads and _is_of(row.device, starts))


def _words(text: str) -> str:
    return f" {' '.join(re.findall(r'[a-z0-9]+', text.lower()))} "


def _is_of(device: str, starts: tuple[str, ...]) -> bool:
    """Whether the device's name begins with one of these names, its last word included as a whole."""
    return any(_words(device).startswith(_words(start)) for start in starts)
