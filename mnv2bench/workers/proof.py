"""Whether a case ran in its own precision: by the runtime's own graph, and by the settings of torch."""

import sys
from collections.abc import Mapping

from mnv2bench.case import Case


def ran_otherwise(case: Case, layers: Mapping[str, int]) -> str:
    """Why a process is wrong whose layers ran in another precision than its case's, all of them; "" where some did.

    `layers` are convolution and linear layers by precision, as `Session.layers` gives them; nothing is known where it
    is empty. Fewer layers than all are no error: `statistics.layers` names them.
    """
    if not layers or layers.get(case.precision):
        return ""
    ran = " and ".join(f"{number} layers in {precision}" for precision, number in layers.items())
    return f"requested {case.precision}, and the runtime's own graph runs {ran}"


def reduced_fp32(case: Case) -> str:
    """Why a process of a CPU is wrong that set torch to multiply fp32 in fewer bits; "" where it did not."""
    if case.gpu is not None or "torch" not in sys.modules:
        return ""
    from mnv2bench.backends.shared.torch_layers import less_than_fp32

    return less_than_fp32()
