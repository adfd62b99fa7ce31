"""The cool-down before a device is measured: wait for its temperature and thermal status, but not for ever."""

import time
from collections.abc import Callable
from typing import Any

from mnv2bench.remote.devices.heat import thermal_status, warmth
from mnv2bench.remote.devices.questions import ANDROID_HEAT, HEAT, asked
from mnv2bench.remote.devices.state import is_android, is_emulated
from mnv2bench.remote.transports import Transport

POLL_S = 10.0


def cool_down(
    t: Transport,
    limit_c: float,
    cap_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """Wait until the device is at most `limit_c` warm and says that it throttles nothing, `cap_s` at most.

    `throttled` is that it was still too warm, or throttling, when the cap came: such numbers are kept and marked.
    """
    if is_emulated(t):
        return {"waited_s": 0.0, "throttled": False, "temperature_c": None, "why": "emulated: nothing to cool"}
    start = clock()
    while True:
        found = asked(t, (ANDROID_HEAT if is_android(t) else HEAT,))
        celsius, whose = warmth(found)
        status = thermal_status(found)
        warm = celsius is not None and celsius > limit_c
        throttling = status not in (None, "none")
        waited = clock() - start
        if not (warm or throttling) or waited >= cap_s:
            why = [whose if celsius is None else f"{whose} {celsius:.1f} C, limit {limit_c:g} C"]
            why += [f"thermal status {status}"] if status else []
            why += [f"still too warm after {waited:.0f} s"] if warm or throttling else []
            return {
                "waited_s": round(waited, 1),
                "throttled": warm or throttling,
                "temperature_c": celsius,
                "why": "; ".join(why),
            }
        sleep(min(POLL_S, max(cap_s - waited, 0.1)))
