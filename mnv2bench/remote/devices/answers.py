"""Questions to a device in one shell script, so that its state costs one round trip, and the answers to each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mnv2bench.remote.transports import Transport
from mnv2bench.texts import one_line

PATIENCE_S = 60.0  # a phone in sleep answers dumpsys slowly
QUESTION = 'q() { echo "@@ $1"; shift; "$@" 2>&1; r=$?; echo; echo "@@= $r"; }'
ANSWER = re.compile(r"^@@ (\S+)\n(.*?)\n?^@@= (\d+)$", re.MULTILINE | re.DOTALL)
CPU = "/sys/devices/system/cpu"

IDENTITY = {  # of a phone: our name, and Android's property
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
    """The answer to one question: a text, or "" and the reason why there is none."""

    text: str
    reason: str = ""


def parse(out: str) -> dict[str, Answer]:
    """The answers in the script's output, by the question's name. A failed command's output is its reason."""
    answers = {}
    for name, printed, code in ANSWER.findall(out):
        text = printed.replace("\0", " ").strip()
        if code != "0":
            answer = Answer("", one_line(text) or f"exit code {code}")
        else:
            answer = Answer(text, "" if text else "empty")
        answers[one_line(name)] = answer
    return answers


def ask(transport: Transport, scripts: Sequence[str]) -> dict[str, Answer]:
    """The answers of a device to these scripts, in one round trip; raises what its transport raises."""
    return parse(transport.ask(["sh", "-c", "; ".join((QUESTION, *scripts))], PATIENCE_S).out)


def text(answers: Mapping[str, Answer], name: str) -> str:
    """The text of an answer, "" where there is none."""
    return answers[name].text if name in answers else ""


def by_number(answers: Mapping[str, Answer], name: str) -> dict[int, Answer]:
    """The answers to a question that was put to each core or zone, by its number, in order."""
    numbers = {}
    for key, answer in answers.items():
        question, _, number = key.partition("/")
        if question == name and number.isdecimal():
            numbers[int(number)] = answer
    return dict(sorted(numbers.items()))


def unreadable(answers: Mapping[str, Answer], names: Sequence[str]) -> dict[str, str]:
    """The reason why each missing value is missing; a reason that holds for all cores or zones is given once."""
    reasons: dict[str, str] = {}
    for name in names:
        matching = {key: a.reason for key, a in answers.items() if key == name or key.startswith(f"{name}/")}
        missing = {key: reason for key, reason in matching.items() if reason}
        if not matching:
            reasons[name] = "not answered"
        elif len(missing) == len(matching):
            reasons[name] = next(iter(missing.values()))
        else:
            reasons |= missing
    return reasons
