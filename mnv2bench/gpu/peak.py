"""The most multiply-adds that a GPU can do, from what its driver says of it. Not compared with hardware by us yet."""

from mnv2bench.gpu.driver import Device

LANES = 128  # fp32 multiply-adds of a multiprocessor in a cycle; some have 64: docs/thresholds.md#work
SOURCE = "its number of multiprocessors at their highest clock"


def peak_madds_per_s(device: Device, sm_mhz_max: int | None) -> float | None:
    """Multiply-adds a second in fp32, without tensor cores; None where the driver or NVML does not say enough."""
    if not device.multiprocessors or not sm_mhz_max:
        return None
    return device.multiprocessors * LANES * sm_mhz_max * 1e6
