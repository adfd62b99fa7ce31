"""One script for all that a device is asked, so that its state costs one round trip, and the answers apart."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mnv2bench.remote.transports import Transport
from mnv2bench.texts import one_line

PATIENCE_S = 60.0  # a phone in sleep answers dumpsys slowly
ASK = 'q() { echo "@@ $1"; shift; "$@" 2>&1; r=$?; echo; echo "@@= $r"; }'
ANSWER = re.compile(r"^@@ (\S+)\n(.*?)\n?^@@= (\d+)$", re.MULTILINE | re.DOTALL)
CPU = "/sys/devices/system/cpu"

IDENTITY = {  # of a phone: name here, name of the property
    "model": "ro.product.model",
    "manufacturer": "ro.product.manufacturer",
    "board": "ro.product.board",
    "soc": "ro.soc.model",
    "platform": "ro.board.platform",
    "android": "ro.build.version.release",
    "sdk": "ro.build.version.sdk",
    "fingerprint": "ro.build.fingerprint",
    "abi": "ro.product.cpu.abi",
}
PHONE = "; ".join(f"q {name} getprop {key}" for name, key in IDENTITY.items())
BOARD = (
    "q model cat /proc/device-tree/model; q soc cat /proc/device-tree/compatible; q abi uname -m; "
    "q os sed -n s/^PRETTY_NAME=//p /etc/os-release"
)
CORES = (
    f"for c in {CPU}/cpu[0-9]*; do n=${{c##*/cpu}}; q online/$n cat $c/online; q capacity/$n cat $c/cpu_capacity; "
    "q max/$n cat $c/cpufreq/cpuinfo_max_freq; done; q parts grep -E '^(processor|CPU.part)' /proc/cpuinfo"
)
NOW = (
    f"for c in {CPU}/cpu[0-9]*; do n=${{c##*/cpu}}; q online/$n cat $c/online; "
    "q governor/$n cat $c/cpufreq/scaling_governor; q now/$n cat $c/cpufreq/scaling_cur_freq; done; "
    "q load cat /proc/loadavg"
)
HEAT = (
    "for z in /sys/class/thermal/thermal_zone*; do n=${z##*_zone}; q type/$n cat $z/type; q temp/$n cat $z/temp; done"
)
ANDROID_HEAT = f"q battery dumpsys battery; q thermal dumpsys thermalservice; {HEAT}"
SCREEN = "w() { dumpsys power | grep -m 1 mWakefulness=; }; q screen w"


@dataclass(frozen=True)
class Answer:
    """What one question brought: text, or "" and the reason why there is none."""

    text: str
    reason: str = ""


def answers(out: str) -> dict[str, Answer]:
    """The answers in what the script printed. A failed command's text is its reason."""
    found = {}
    for name, text, code in ANSWER.findall(out):
        said = text.replace("\0", " ").strip()
        if code != "0":
            found[one_line(name)] = Answer("", one_line(said) or f"exit code {code}")
        else:
            found[one_line(name)] = Answer(said, "" if said else "empty")
    return found


def asked(t: Transport, scripts: Sequence[str]) -> dict[str, Answer]:
    """Ask a device; raises what its transport raises."""
    return answers(t.ask(["sh", "-c", "; ".join((ASK, *scripts))], PATIENCE_S).out)


def numbered(found: dict[str, Answer], name: str) -> dict[int, Answer]:
    """The answers to a question that was asked of each core or zone, by its number."""
    keys = (key.removeprefix(f"{name}/") for key in found if key.startswith(f"{name}/"))
    return {int(key): found[f"{name}/{key}"] for key in sorted((k for k in keys if k.isdecimal()), key=int)}
