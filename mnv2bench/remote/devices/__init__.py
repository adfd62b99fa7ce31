"""Devices: phones, boards and emulated processors: what they are, their temperatures, and their clusters of cores."""

from mnv2bench.remote.devices.answers import CORES, ask
from mnv2bench.remote.devices.clusters import clusters, mask
from mnv2bench.remote.devices.state import cpus
from mnv2bench.remote.transports import Transport


def set_mask(transport: Transport) -> None:
    """Set the mask of the cores that the name of an open transport's device names. ValueError for cores it lacks."""
    if transport.cores:
        transport.mask = mask(transport.cores, clusters(cpus(ask(transport, (CORES,)))))
