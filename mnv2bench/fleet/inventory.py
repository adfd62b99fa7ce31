"""The inventory of a machine: what it is, and which cases it can run, made on the machine itself."""

import socket
import time
from collections.abc import Iterable, Sequence

from mnv2bench import backends
from mnv2bench.campaign import durations
from mnv2bench.campaign.estimate import compiling_s, is_installed, next_s
from mnv2bench.campaign.items import CaseItem
from mnv2bench.campaign.preparation import Failure, file_chain
from mnv2bench.campaign.weights import require_weights
from mnv2bench.case import Case, Kind
from mnv2bench.fleet.unit import Inventory, Refusal, Survey
from mnv2bench.machine import cores, this_machine
from mnv2bench.records import Weights
from mnv2bench.records.encoding import parse_case
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.remote.transports import TimedOut, TransportError, transport
from mnv2bench.texts import counted, one_line


def inventory(survey: Survey) -> Inventory:
    """What this machine is and can. ValueError, in one line, where it has not the weights that are asked for."""
    cases = tuple(map(parse_case, survey.cases))
    require_same_weights(cases, survey.weights)
    devices = _device_refusals(cases)
    refusals = {case.id: why for case in cases if (why := _refusal(case, survey.plan.trt_level, devices))}
    known = durations.read(this_machine().fingerprint)
    seconds = {}
    for case in cases:
        if case.id not in refusals:
            item = CaseItem(case)
            one_process_s = next_s(item, known, survey.plan)
            seconds[case.id] = survey.plan.processes * one_process_s + compiling_s(item, known, survey.weights)
    return Inventory(survey.name, socket.gethostname(), this_machine(), time.time(), refusals, seconds)


def require_same_weights(cases: Sequence[Case], weights: Weights) -> None:
    """ValueError, in one line, where a file or a folder of the user has another content on this machine, or none."""
    here = require_weights(cases, weights)
    for word, path, ours, theirs in (
        ("--weights", weights.file, here.content, weights.content),
        ("--images", weights.images, here.images_content, weights.images_content),
    ):
        if ours != theirs:
            raise ValueError(f"{word} {path} has another content on this machine: copy it there, to the same path")


def _refusal(case: Case, trt_level: int, devices: dict[str, Refusal]) -> Refusal | None:
    """Why this machine cannot run a case; None where nothing is known to be in its way."""
    chain = file_chain(case, trt_level)
    if isinstance(chain, Failure):
        return Refusal(chain.status, one_line(chain.reason))
    if case.device in devices:
        return devices[case.device]
    if not is_installed(case):
        names = " or ".join(backends.runtime(case.backend).distributions)
        fix = backends.fix_command(case.backend, None)
        return Refusal("unavailable", f"{names} is not installed: {fix}")
    if case.kind == Kind.MEASURED_HERE and case.streams > 1 and case.total_threads > cores():
        return Refusal("unsupported", f"it needs {case.total_threads} cores, and there are {counted(cores(), 'core')}")
    return None


def _device_refusals(cases: Iterable[Case]) -> dict[str, Refusal]:
    """Why phones, boards and emulators of these cases cannot be reached from this machine, by their names."""
    refusals = {}
    for device in dict.fromkeys(case.device for case in cases if case.kind != Kind.MEASURED_HERE):
        try:
            with transport(device):
                pass
        except Unsupported as error:
            refusals[device] = Refusal("unsupported", one_line(str(error)))
        except (Unavailable, TimedOut, TransportError, ValueError, OSError) as error:
            refusals[device] = Refusal("unavailable", one_line(str(error)))
    return refusals
