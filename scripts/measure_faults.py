"""Measures what correct and faulty networks do to outputs, which the limits of mnv2bench/precisions.py come from.

Run it from the project's root with the project's own environment, and name what to measure:

    .venv/bin/python scripts/measure_faults.py --backends openvino,onnxruntime --precisions bf16,int8 --faults

Every network is exported by the project's exporters and run by its backends, as a campaign does, in a process for each
backend. A fault is put into the network, into its images, into the images that the scales of int8 are set on, or into
the ONNX file in int8; all else stays as it is. The logits are kept in the folder --out, so that a run that is begun
again measures only what is missing, and so are the reasons of what cannot run. It prints, for each backend and
precision, the largest error and distance of correct networks and the smallest of each fault; docs/thresholds.md has the
table of all of them.
"""

import argparse
import importlib
import multiprocessing
import operator
import re
import tempfile
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import fx, nn
from torch.fx.experimental.optimization import fuse

from mnv2bench import backends, networks
from mnv2bench.artifacts import REFERENCE_SEEDS, UNKNOWN_SEEDS, formats
from mnv2bench.artifacts.job import Job, calibration_images
from mnv2bench.backends import Session
from mnv2bench.backends.shared import torch_session
from mnv2bench.case import Case
from mnv2bench.imagesets import Images, image_set
from mnv2bench.precisions import FP32, INT8
from mnv2bench.records import Weights, default_weights
from mnv2bench.refusals import Unavailable, Unsupported
from mnv2bench.workers.outputs import compare, distance

SEEDS = (*REFERENCE_SEEDS, *UNKNOWN_SEEDS)
VARIANTS = "0.35@96,0.35@128,0.35@160,0.35@192,0.35@224,0.5@160,0.75@96,1.0@128,1.0@224,1.4@224"
CORRECT, SIMULATED = "correct", "simulated"
CALIBRATED = 32  # images, in the simulation
WEIGHTS = {"digits": default_weights(), "seeded": Weights()}
Tensors = dict[str, torch.Tensor]


def same(value):
    return value


@dataclass(frozen=True)
class Fault:
    """What is wrong in one place: functions of the module, of the state dict, of the images, of those for calibration.

    `zero_point` says how far into the network, from 0 to 1, and by how many steps a zero point is off where numbers in
    8 bits are read; `scales` how far into it a convolution has one scale, their mean, for the scales of all channels.
    """

    module: Callable[[nn.Module], None] | None = None
    state: Callable[[Tensors], None] | None = None
    images: Callable[[Images], Images] = same
    calibration: Callable[[Images], Images] | None = None
    zero_point: tuple[float, int] | None = None
    scales: float | None = None

    @property
    def is_in_scales(self) -> bool:
        return self.zero_point is not None or self.scales is not None


# faults of the network


def each_relu6(module: nn.Module) -> list[tuple[nn.Module, str]]:
    return [
        (parent, name)
        for parent in module.modules()
        for name, child in parent.named_children()
        if isinstance(child, nn.ReLU6)
    ]


def relu_for_relu6(places: slice) -> Callable[[nn.Module], None]:
    def change(module: nn.Module) -> None:
        for parent, name in each_relu6(module)[places]:
            setattr(parent, name, nn.ReLU())

    return change


def addition_lost(which: int) -> Callable[[nn.Module], None]:
    """The addition passes on the block's own result, without the block's input."""

    def change(module: nn.Module) -> None:
        additions = [
            (parent, step)
            for parent in module.modules()
            for step, (_, function, _, others) in enumerate(getattr(parent, "steps", ()))
            if function is not None and len(others) == 1
        ]
        parent, step = additions[which]
        child, _, first, others = parent.steps[step]
        parent.steps[step] = (child, lambda block_input, result: result + 0 * block_input, first, others)

    return change


def padded_on_one_side(module: nn.Module) -> None:
    """As TensorFlow pads convolutions with a stride of 2."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Conv2d) and child.stride == (2, 2) and child.padding == (1, 1):
                setattr(parent, name, OneSided(child))


class OneSided(nn.Conv2d):
    """A convolution whose zeros stand below and to the right of the image alone."""

    def __init__(self, conv: nn.Conv2d) -> None:
        super().__init__(
            conv.in_channels, conv.out_channels, conv.kernel_size, conv.stride, 0, groups=conv.groups, bias=False
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        return super().forward(nn.functional.pad(inputs, (0, 1, 0, 1)))


def convolutions(state: Tensors) -> list[str]:
    return [name for name, tensor in state.items() if tensor.dim() == 4]


def convolution_lost(which: int) -> Callable[[Tensors], None]:
    def change(state: Tensors) -> None:
        state[convolutions(state)[which]].zero_()

    return change


def channels_reversed(which: int) -> Callable[[Tensors], None]:
    def change(state: Tensors) -> None:
        name = convolutions(state)[which]
        state[name] = state[name].flip(0)

    return change


def scales_per_tensor(state: Tensors) -> None:
    """Weights in 8 bits with one scale for all channels of a tensor, as they are before batch norm is folded."""
    for name in convolutions(state):
        scale = state[name].abs().max() / 127
        state[name] = (state[name] / scale).round() * scale


def epsilon_lost(state: Tensors) -> None:
    """Batch norm with the epsilon of Keras, 1e-3, in place of torch's 1e-5."""
    for name, tensor in state.items():
        if name.endswith("running_var"):
            tensor += 1e-3 - 1e-5


# faults of a file in int8


def changed_onnx(path: Path, fault: "Fault") -> None:
    """Puts a zero point or the scales of a convolution wrong in an ONNX file in int8."""
    import onnx

    model = onnx.load(path)
    tensors = {tensor.name: tensor for tensor in model.graph.initializer}
    nodes = [node for node in model.graph.node if node.op_type == "DequantizeLinear"]
    if fault.zero_point:
        share, by = fault.zero_point
        activations = [node for node in nodes if node.input[0] not in tensors]
        move_zero_point(model.graph, tensors, activations[int(share * (len(activations) - 1))], by)
    if fault.scales is not None:
        weights = [node for node in nodes if node.input[0] in tensors and len(tensors[node.input[0]].dims) == 4]
        name = weights[int(fault.scales * (len(weights) - 1))].input[1]
        scales = onnx.numpy_helper.to_array(tensors[name])
        tensors[name].CopyFrom(onnx.numpy_helper.from_array(np.full_like(scales, scales.mean()), name))
    onnx.save(model, path)


def move_zero_point(graph, tensors, node, by: int) -> None:
    """Of one DequantizeLinear alone: what was quantised with the right one comes back as other numbers."""
    from onnx import numpy_helper

    value = numpy_helper.to_array(tensors[node.input[2]])
    limits = np.iinfo(value.dtype)
    moved = int(value) + by if int(value) + by <= limits.max else int(value) - by
    name = f"{node.input[2]}_off"
    graph.initializer.append(numpy_helper.from_array(np.array(moved, value.dtype), name))
    node.input[2] = name


# faults of the calibration


def repeated_first(images: Images) -> Images:
    return np.repeat(images[:1], len(images), axis=0)


def noise(images: Images, scale: float) -> Images:
    return (scale * np.random.default_rng(0).standard_normal(images.shape)).astype(np.float32)


FAULTS = {
    "red and blue swapped": Fault(images=lambda images: images[:, ::-1]),
    "mirrored": Fault(images=lambda images: images[..., ::-1]),
    "rows and columns swapped": Fault(images=lambda images: images.swapaxes(2, 3)),
    "not normalised": Fault(images=lambda images: images * np.float32(0.3) + np.float32(0.5)),
    "ReLU for ReLU6, all": Fault(module=relu_for_relu6(slice(None))),
    "ReLU for ReLU6, first": Fault(module=relu_for_relu6(slice(0, 1))),
    "ReLU for ReLU6, middle": Fault(module=relu_for_relu6(slice(17, 18))),
    "first addition lost": Fault(module=addition_lost(0)),
    "middle addition lost": Fault(module=addition_lost(4)),
    "last addition lost": Fault(module=addition_lost(-1)),
    "padded on one side": Fault(module=padded_on_one_side),
    "first convolution lost": Fault(state=convolution_lost(1)),
    "middle convolution lost": Fault(state=convolution_lost(25)),
    "channels reversed, early": Fault(state=channels_reversed(2)),
    "channels reversed, middle": Fault(state=channels_reversed(25)),
    "channels reversed, late": Fault(state=channels_reversed(50)),
    "weights in 8 bits per tensor": Fault(state=scales_per_tensor),
    "epsilon of Keras": Fault(state=epsilon_lost),
    "calibrated on zeros": Fault(calibration=np.zeros_like),
    "calibrated on a tenth of noise": Fault(calibration=lambda images: noise(images, 0.1)),
    "calibrated on noise": Fault(calibration=lambda images: noise(images, 1.0)),
    "calibrated on images times 50": Fault(calibration=lambda images: images * np.float32(50)),
    "calibrated on images times 0.3": Fault(calibration=lambda images: images * np.float32(0.3)),
    "calibrated on one image": Fault(calibration=repeated_first),
    "zero point off by 16, early": Fault(zero_point=(0.1, 16)),
    "zero point off by 16, middle": Fault(zero_point=(0.5, 16)),
    "zero point off by 16, late": Fault(zero_point=(0.9, 16)),
    "zero point off by 4, early": Fault(zero_point=(0.1, 4)),
    "zero point off by 4, middle": Fault(zero_point=(0.5, 4)),
    "zero point off by 4, late": Fault(zero_point=(0.9, 4)),
    "scales of an early convolution lost": Fault(scales=0.1),
    "scales of a middle convolution lost": Fault(scales=0.5),
    "scales of a late convolution lost": Fault(scales=0.9),
}


def applies(fault: Fault, backend: str, precision: str) -> bool:
    """Whether a backend's files in a precision have the part in which the fault is."""
    if fault.is_in_scales:
        return precision == INT8.name and backend in (SIMULATED, "onnxruntime")
    return fault.calibration is None or precision == INT8.name


# measuring


@dataclass(frozen=True)
class Measurement:
    """One network to run: `out` is the folder of the logits of its variant and weights."""

    case: Case
    weights: str
    out: Path
    name: str = CORRECT

    @property
    def fault(self) -> Fault:
        return FAULTS.get(self.name, Fault())

    @property
    def file(self) -> Path:
        name = self.name.replace(" ", "_").replace(",", "")
        return self.out / f"{self.case.backend}-{self.case.precision}-{name}.npy"


class Simulated(fx.Interpreter):
    """A network with batch norm folded, in which the images and the results of its layers are rounded to 8 bits.

    So every runtime in int8 computes, but for the order of its sums: weights with a scale for each output channel,
    everything else with one scale and zero point, of the least and the largest number that calibration showed.
    """

    def __init__(self, module: nn.Module, fault: Fault) -> None:
        super().__init__(fuse(module))
        self.ranges: dict[str, tuple[float, float]] = {}
        self.calibrating = True
        nodes = list(self.module.graph.nodes)
        self.rounded = [node.name for node in nodes if self.is_rounded(node)]
        layers = [layer for layer in self.module.modules() if isinstance(layer, nn.Conv2d | nn.Linear)]
        lost = layers[int(fault.scales * (len(layers) - 1))] if fault.scales is not None else None
        for layer in layers:
            self.round_weights(layer, layer is lost)
        self.off: dict[str, int] = {}
        if fault.zero_point:
            share, by = fault.zero_point
            self.off = {self.rounded[int(share * (len(self.rounded) - 1))]: by}

    def is_rounded(self, node: fx.Node) -> bool:
        """A layer's result is rounded once, behind its activation."""
        users = list(node.users)
        followed = len(users) == 1 and users[0].op == "call_module" and self.is_activation(users[0])
        if node.op == "call_module":
            layer = self.module.get_submodule(node.target)
            return self.is_activation(node) or (isinstance(layer, nn.Conv2d | nn.Linear) and not followed)
        return node.op == "placeholder" or (node.op == "call_function" and node.target is operator.add)

    def is_activation(self, node: fx.Node) -> bool:
        return isinstance(self.module.get_submodule(node.target), nn.ReLU6 | nn.ReLU)

    @staticmethod
    def round_weights(layer: nn.Module, scales_lost: bool) -> None:
        rows = layer.weight.data.flatten(1)
        scales = (rows.abs().amax(1, keepdim=True) / 127).clamp(min=1e-12)
        numbers = (rows / scales).round()
        layer.weight.data = (numbers * (scales.mean() if scales_lost else scales)).reshape(layer.weight.shape)

    def run_node(self, node: fx.Node):
        result = super().run_node(node)
        if node.name not in self.rounded:
            return result
        low, high = self.ranges.get(node.name, (0.0, 0.0))
        if self.calibrating:
            self.ranges[node.name] = (min(low, float(result.min())), max(high, float(result.max())))
            return result
        scale = max((high - low) / 255, 1e-12)
        zero = round(-low / scale)
        numbers = (result / scale + zero).round().clamp(0, 255)
        return (numbers - zero - self.off.get(node.name, 0)) * scale


def simulated(measurement: Measurement, source: Path, folder: Path) -> Session:
    """A session of the network in int8, in torch."""
    case, weights = measurement.case, WEIGHTS[measurement.weights]
    network = Simulated(torch_session.network(case, source), measurement.fault)
    for image in calibration_images(Job(case, source, folder, weights, {}))[:CALIBRATED]:
        network.run(torch.from_numpy(image[None]))
    network.calibrating = False
    return torch_session.TorchSession(case, network.run)


class Wrongly:
    """Puts the fault of a measurement in, as long as the block lasts."""

    def __init__(self, fault: Fault, images: object) -> None:
        self.fault, self.images = fault, images
        self.build, self.calibration = torch_session.build, type(images).calibration

    def __enter__(self) -> None:
        def built(*positional, **keywords):
            module = self.build(*positional, **keywords)
            if self.fault.module:
                self.fault.module(module)
            return module

        def calibrated(images, number, shape):
            correct = self.calibration(images, number, shape)
            return self.fault.calibration(correct) if self.fault.calibration else correct

        torch_session.build = built
        type(self.images).calibration = calibrated

    def __exit__(self, *_) -> None:
        torch_session.build = self.build
        type(self.images).calibration = self.calibration


def state_of(measurement: Measurement, folder: Path) -> Path:
    """The file of the state dict, with the measurement's fault."""
    case, target = measurement.case, folder / "state.pt"
    importlib.import_module(f"{formats.__name__}.state_dict").export(
        Job(case, Path(), target, WEIGHTS[measurement.weights], {})
    )
    if measurement.fault.state:
        state = torch.load(target, weights_only=True)
        measurement.fault.state(state)
        torch.save(state, target)
    return target


def open_session(measurement: Measurement, folder: Path) -> Session:
    """The session of a network that the project's exporters made and its backend runs, or of a simulated one."""
    case, weights, fault = measurement.case, WEIGHTS[measurement.weights], measurement.fault
    source = state_of(measurement, folder)
    if case.backend == SIMULATED:
        return simulated(measurement, source, folder)
    runtime = backends.runtime(case.backend)
    format = runtime.format(case.precision)
    of_files = replace(case, precision=FP32.name) if case.precision in runtime.reads_fp32 else case
    for step in formats.steps(format)[1:]:
        target = folder / f"{step}{formats.format(step).suffix}"
        importlib.import_module(f"{formats.__name__}.{step}").export(Job(of_files, source, target, weights, {}))
        if fault.is_in_scales and step == format:
            changed_onnx(target, fault)
        source = target
    return backends.backend(case.backend).open(case, source)


def logits_of(measurement: Measurement, session: Session) -> Images:
    """(batches, images, classes) of a session."""
    case, outputs = measurement.case, []
    pictures = image_set(case, WEIGHTS[measurement.weights])
    for seed in SEEDS:
        images = pictures.batch(seed, case.batch, case.image)
        session.put(np.ascontiguousarray(measurement.fault.images(images)))
        session.run()
        outputs.append(session.get())
    return np.stack(outputs)


def work(measurements: Sequence[Measurement]) -> None:
    """What the process of one backend does: the measurements that are missing, or the reason why there is none."""
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    warnings.simplefilter("ignore")  # of converters
    torch.set_num_interop_threads = lambda number: None  # which torch allows once in a process
    opened: tuple[object, Session] | None = None
    for measurement in measurements:
        if measurement.file.exists():
            continue
        print(measurement.out.name, measurement.file.stem, flush=True)
        images = image_set(measurement.case, WEIGHTS[measurement.weights])
        key = (measurement.case, measurement.weights, replace(measurement.fault, images=same))
        try:
            if opened is None or opened[0] != key:
                with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder, Wrongly(measurement.fault, images):
                    torch.manual_seed(0)
                    opened = key, open_session(measurement, Path(folder))
            np.save(measurement.file, logits_of(measurement, opened[1]))
        except (Unavailable, Unsupported) as refusal:
            measurement.file.with_suffix(".txt").write_text(f"{refusal}\n")
        except Exception:
            measurement.file.with_suffix(".txt").write_text(traceback.format_exc())
            print("failed:", measurement.file.with_suffix(".txt"), flush=True)


def plan(arguments: argparse.Namespace) -> Iterator[list[Measurement]]:
    """The measurements of each backend."""
    for backend in arguments.backends.split(","):
        measurements = []
        for variant in arguments.variants.split(","):
            network, width, resolution = re.fullmatch(r"(?:(\w+)-)?([\d.]+)@(\d+)", variant).groups(networks.DEFAULT)
            out = arguments.out / f"{arguments.weights}-{variant}-b{arguments.batch}"
            out.mkdir(parents=True, exist_ok=True)
            for precision in arguments.precisions.split(","):
                case = Case(network, float(width), int(resolution), arguments.batch, backend, precision=precision)
                measurements.append(Measurement(case, arguments.weights, out))
                if arguments.faults:
                    measurements += [
                        Measurement(case, arguments.weights, out, name)
                        for name, fault in FAULTS.items()
                        if applies(fault, backend, precision)
                    ]
        yield measurements


# judging


class Judged(NamedTuple):
    """What the check of outputs says of one measurement: of its first two batches, or else of all of them."""

    measurement: Measurement
    error: float
    distance: float
    wrong: str


def judged(measurement: Measurement) -> Judged:
    """The verdict on a measurement by the limits as they are."""
    eager = replace(measurement, case=replace(measurement.case, backend="torch_eager", precision="fp32"), name=CORRECT)
    outputs, reference = np.load(measurement.file), np.load(eager.file)
    kind = WEIGHTS[measurement.weights].kind(measurement.case)
    first, whole = (
        compare(list(outputs[:number]), reference[:number], measurement.case.precision, kind)
        for number in (len(REFERENCE_SEEDS), len(reference))
    )
    return Judged(measurement, whole.error or np.nan, distance(outputs, reference), first.wrong or whole.wrong)


def table(all_judged: Sequence[Judged]) -> Iterator[str]:
    """Lines of a Markdown table: what correct networks reach at most, and what each fault does at least."""
    yield "| weights | precision | network | backends, variants | error | distance | called wrong |"
    yield "|---|---|---|---|---|---|---|"
    groups: dict[tuple[str, str, str, str], list[Judged]] = {}
    for each in all_judged:
        case, name = each.measurement.case, each.measurement.name
        backend = case.backend if name == CORRECT else ""
        groups.setdefault((each.measurement.weights, case.precision, name, backend), []).append(each)
    for (weights, precision, name, backend), group in groups.items():
        extreme = max if name == CORRECT else min
        error, apart = (extreme(getattr(each, part) for each in group) for part in ("error", "distance"))
        runners = backend or " ".join(sorted({each.measurement.case.backend for each in group}))
        wrong = sum(bool(each.wrong) for each in group)
        numbers = f"{error:.2g} | {apart:.2g} | {wrong} of {len(group)}"
        yield f"| {weights} | {precision} | {name} | {runners}, {len(group)} | {numbers} |"


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what correct and faulty networks do to outputs.")
    parser.add_argument("--backends", default="torch_eager,openvino,onnxruntime")
    parser.add_argument("--precisions", default="fp16,bf16,int8")
    parser.add_argument("--variants", default=VARIANTS)
    parser.add_argument("--weights", default="digits", choices=list(WEIGHTS))
    parser.add_argument("--batch", type=int, default=1)
    parser.add_argument("--faults", action="store_true")
    parser.add_argument("--out", type=Path, default=Path("faults"))
    arguments = parser.parse_args()
    eager = argparse.Namespace(**vars(arguments) | {"backends": "torch_eager", "precisions": "fp32", "faults": False})
    spawn = multiprocessing.get_context("spawn")
    for measurements in (*plan(eager), *plan(arguments)):
        process = spawn.Process(target=work, args=(measurements,))
        process.start()
        process.join()
    measurements = [measurement for group in plan(arguments) for measurement in group]
    print(*table([judged(measurement) for measurement in measurements if measurement.file.exists()]), sep="\n")


if __name__ == "__main__":
    main()
