"""The cool-down before a device is measured: wait for its temperature and thermal status, up to a limit of time."""

import time
from collections.abc import Callable

from mnv2bench.records.target import Cooling
from mnv2bench.remote.devices.answers import ANDROID_HEAT, HEAT, ask
from mnv2bench.remote.devices.state import is_android, is_emulated
from mnv2bench.remote.devices.temperatures import Warmth, thermal_status, warmth
from mnv2bench.remote.transports import Transport

POLL_S = 10.0


def cool_down(
    transport: Transport,
    limit_c: float,
    cap_s: float,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Cooling:
    """Wait until the device is at most `limit_c` warm and says that it throttles nothing, for `cap_s` at most.

    `throttled` means that it was still too warm, or throttling, after `cap_s`: such numbers are kept and marked.
    """
    if is_emulated(transport):
        return Cooling(waited_s=0.0, why="emulated: nothing to cool")
    start = clock()
    while True:
        answers = ask(transport, (ANDROID_HEAT if is_android(transport) else HEAT,))
        now, status = warmth(answers), thermal_status(answers)
        too_warm = now.celsius is not None and now.celsius > limit_c
        throttled = too_warm or status not in (None, "none")
        waited = clock() - start
        if not throttled or waited >= cap_s:
            why = _why(now, status, limit_c)
            if throttled:
                why += f"; still too warm after {waited:.0f} s"
            return Cooling(round(waited, 1), throttled, now.celsius, why)
        sleep(min(POLL_S, max(cap_s - waited, 0.1)))


def _why(now: Warmth, status: str | None, limit_c: float) -> str:
    """The readings that ended the wait."""
    text = now.source if now.celsius is None else f"{now.source} {now.celsius:.1f} C, limit {limit_c:g} C"
    return f"{text}; thermal status {status}" if status else text
