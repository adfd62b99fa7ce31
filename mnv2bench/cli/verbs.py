"""The verbs in the order and the groups in which help shows them, each with an example."""

from mnv2bench.exit_codes import epilog

MEASURE = "Measure"
MACHINES = "Measure on several machines"
ANSWER = "Answer from what was measured"
GUARD = "Guard against regressions"
KNOW = "About this machine and the networks"
GROUPS = {  # group: verb: an example
    MEASURE: {
        "run": "mnv2bench run --widths 0.35,1.0 --resolutions 224 --backends openvino,litert --dry-run",
        "fleet": "mnv2bench fleet --scheduler tls://bench-server:8786 --widths 0.35,1.0 --resolutions 224 --dry-run",
        "profile": "mnv2bench profile mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1",
        "roofline": "mnv2bench roofline --backends onnxruntime --widths 1.0 --resolutions 224",
        "loadgen": "mnv2bench loadgen 0.35_96-b1-openvino-cpu-fp32-t1 --scenario single-stream,server",
        "selfcheck": "mnv2bench selfcheck --only aa --save",
    },
    MACHINES: {
        "fleet-serve": "mnv2bench fleet-serve --listen 192.168.1.5",
        "fleet-join": "mnv2bench fleet-join tls://192.168.1.5:8786",
    },
    ANSWER: {
        "recommend": "mnv2bench recommend mnv2bench.jsonl --latency 5ms",
        "report": "mnv2bench report mnv2bench.jsonl",
        "tails": "mnv2bench tails mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1 mnv2bench.jsonl --svg tails.svg",
        "compare": "mnv2bench compare before.jsonl after.jsonl",
        "ship": "mnv2bench ship mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1 --to shipped",
        "check-contribution": "mnv2bench check-contribution theirs.jsonl --markdown comment.md",
        "site": "mnv2bench site public --results results",
    },
    GUARD: {
        "history": "mnv2bench history mobilenet_v2_1.0_224-b1-openvino-cpu-fp32-t1",
        "gate": "mnv2bench gate --baseline ../baseline/.venv/bin/python",
        "duel": "mnv2bench duel --old ../old/.venv/bin/python --backends openvino",
        "bisect": "mnv2bench bisect --package openvino --good 2025.3 --bad 2026.4 --backends openvino",
        "accept": 'mnv2bench accept --all --why "a new version of OpenVINO"',
    },
    KNOW: {
        "backends": "mnv2bench backends openvino litert",
        "devices": "mnv2bench devices",
        "build-runner": "mnv2bench build-runner litert --target linux-aarch64",
        "env": "mnv2bench env",
        "paper": "mnv2bench paper --table 4",
        "networks": "mnv2bench networks",
        "network": "mnv2bench network mobilenet_v2_0.35_96",
        "memory": "mnv2bench memory --widths 1.0 --resolutions 224",
    },
}
EXAMPLES = {verb: example for verbs in GROUPS.values() for verb, example in verbs.items()}
ORDER = tuple(EXAMPLES)


def group(verb: str) -> str:
    """The group of a verb in the help."""
    return next(group for group, verbs in GROUPS.items() if verb in verbs)


def help_end(verb: str) -> str:
    """The last paragraphs of a verb's help: its example, and its exit codes."""
    return f"Example: {EXAMPLES[verb]}\n\n{epilog(verb)}"
