"""The options that choose cases, the same for `pytest suites` and every verb that measures: names, defaults, help."""

from mnv2bench import networks, precisions, sweeps
from mnv2bench.case import GRIDS
from mnv2bench.paper import table4
from mnv2bench.precisions import FP16, FP32

AUTO = "auto"  # the word of --precisions for those that backend and hardware have
SEEDED = "seeded"  # the word of --weights for weights that are made from a seed
SUITES = ("latency", "throughput")
QUICK_ON_GPUS = (FP32.name, FP16.name)  # precisions
OPTIONS = {  # name: (default, help), for argparse and typer alike
    "grid": (
        "quick",
        f"Which variants to measure: {', '.join(GRIDS)}; or {table4.GRID}: the six networks of the paper's Table 4.",
    ),
    "networks": (
        "",
        f"Networks, separated by commas: {', '.join(networks.names())}, timm:NAME. Default: {networks.DEFAULT}; those "
        f"of the table with --grid {table4.GRID}, and none with --model.",
    ),
    "widths": ("", "Width multipliers, separated by commas. With --resolutions, any width; alone, widths of the grid."),
    "resolutions": (
        "",
        "Image sides, separated by commas; 224x160 is 224 high and 160 wide. With --widths, any side from 32; alone, "
        "sides of the grid.",
    ),
    "channels": ("", f"Channels of the images. Default: {networks.IMAGE_CHANNELS}."),
    "classes": ("", f"Outputs of the classifier. Default: {networks.CLASSES}, or those of --weights."),
    "backends": ("", "Backends, separated by commas. Default: all that `mnv2bench backends` lists."),
    "devices": (
        "cpu",
        "Separated by commas: cpu, cuda, cuda:1, adb:SERIAL, adb:SERIAL@big, ssh:HOST, qemu:cortex-a76.",
    ),
    "precisions": (
        "",
        f"Separated by commas: {', '.join(precisions.NAMES)}; or {AUTO}: {FP32.name}, and for backends that open fast "
        f"those that the processor has instructions for. Default: {FP32.name}; on cuda all, and on its quick grid "
        f"{', '.join(QUICK_ON_GPUS)}.",
    ),
    "threads": ("", "Numbers of threads, separated by commas; `all` means one for each core."),
    "batches": ("", "Batch sizes, separated by commas. Default: those of the suite."),
    "streams": (
        "",
        "Of throughput on this processor: how many instances work at once in a process, separated by commas, each on "
        "--threads threads and a batch of its own. Default: 1. Threads by default: the cores divided by the streams.",
    ),
    "processes": ("", "Fresh processes for each case. Default: 3 on the quick grid, else 5."),
    "rounds": (
        "",
        "Undisturbed rounds of 150 ms in each process. Default: 5 on the quick grid and with a time budget, else 15.",
    ),
    "process-limit": ("", "Seconds after which a worker process is killed. Default: 300."),
    "seed": ("0", "Seed of the order, the images and the memory layout of each process."),
    "trt-level": ("3", "TensorRT's builder optimisation level, 0 to 5."),
    "runner": (
        "",
        "On other devices, used instead of our runner: benchmark_model, executor_runner, benchncnn or a Python.",
    ),
    "weights": (
        "",
        "Your own weights: a file of torch.save or of safetensors, whose classifier decides the classes; or seeded. "
        "Default: trained on handwritten digits, and seeded where a network cannot have those.",
    ),
    "images": (
        "",
        "With --weights FILE: a folder with a folder of pictures for each class. Each backend is tested on them, and "
        "int8 is calibrated on a part that is not tested.",
    ),
}
LISTS = ("networks", "widths", "resolutions", "backends", "devices", "precisions", "threads", "batches", "streams")
SINGULARS = dict(
    zip(
        LISTS,
        ("network", "width", "resolution", "backend", "device", "precision", "thread", "batch", "stream"),
        strict=True,
    )
)
PLURALS = {"suite": "suites"} | {singular: name for name, singular in SINGULARS.items()}
BUDGET = {  # the option of `run` and `pytest suites` alone
    "budget": (
        "",
        "A time such as 90s, 10m or 1h; a number alone is minutes. Every case first gets two processes (one, where the "
        "time is short and it is far behind), then those get more that may be the fastest. --processes is the most "
        "that a case gets. Exports and accuracies count, and what waits for an idle machine does not.",
    ),
}
SWEEP = {  # another one of those two
    "sweep": (
        "",
        f"Throughput over {', '.join(sweeps.AXES)}, or some of them, separated by commas: batches 1 and 8, one thread "
        "and all, one stream and as many as the cores have room for. An axis whose option is given has those values. "
        "Of this machine's processor; the suite latency is left out.",
    ),
}
REPEATED = {  # options that may be given several times
    "model": "Your own network: an ONNX file, a program of torch.export (.pt2) or a LiteRT file (.tflite); may be "
    "repeated. docs/own-model.md says what runs it.",
    "env": "A variable for the processes that measure, as NAME=VALUE; may be repeated. It is recorded, and files with "
    "others are not compared. docs/measuring.md says which variables pass without it.",
}
NO_ACCURACY = "Do not test each backend on all labelled images, which takes seconds to minutes for each."
DRY_RUN = "Measure nothing: print the cases, the processes, the exports that are missing and how long it would take."
FLAGS = {"cold-l2": "On a GPU: empty the L2 cache before every timed call. Default: the cache stays hot."}


def plural(word: str) -> str:
    """The word as options have it: lists are in the plural, whichever way a person writes them."""
    return PLURALS.get(word, word)


def spellings(name: str) -> tuple[str, ...]:
    """How argparse is told that an option may be written: a list also in the singular, as --widths and --width."""
    return tuple(f"--{word}" for word in (name, SINGULARS.get(name)) if word)
