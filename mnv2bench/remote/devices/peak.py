"""The most multiply-adds that the cores of a device can do, from their highest frequency."""

from collections.abc import Sequence

from mnv2bench.records.target import Cluster

LANES = 32  # fp32 multiply-adds of a core in a cycle, two vectors of 512 bits: docs/thresholds.md#work
SOURCE = "its fastest cores at their highest frequency"


def peak_madds_per_s(clusters: Sequence[Cluster], mask: str, threads: int) -> float | None:
    """Multiply-adds a second in fp32 of as many of the cores in the mask; None where no frequency is readable.

    `mask` is hexadecimal, "" for all cores.
    """
    bits = int(mask, 16) if mask else -1
    usable = sorted(
        (cluster.max_freq_khz or 0 for cluster in clusters for cpu in cluster.cpus if bits >> cpu & 1), reverse=True
    )
    khz = sum(usable[:threads])
    return khz * 1000 * LANES if khz else None
