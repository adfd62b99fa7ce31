"""The exporters, one function a format."""

import operator
import os
import subprocess
import tempfile
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.fx.experimental.optimization import fuse

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import REFERENCE_SEEDS, Weights
from mnv2bench.backends.shared.cuda_session import dtype
from mnv2bench.backends.shared.torch_session import network, prepare, require_compiler
from mnv2bench.cases import Case
from mnv2bench.networks import build, images
from mnv2bench.records import Artifact
from mnv2bench.refusals import Unavailable


@dataclass(frozen=True)
class Job:
    """One artifact to make: `source` is the state dict, or the artifact that this format is made from."""

    case: Case
    source: Path
    target: Path
    weights: Weights
    options: dict[str, str]


def _state_dict(job: Job) -> None:
    if not job.weights.file:
        torch.save(build(job.case.network, width=job.case.width, seed=job.weights.seed).state_dict(), job.target)
        return
    module = build(job.case.network, width=job.case.width, seed=None)
    module.load_state_dict(torch.load(job.weights.file, weights_only=True, map_location="cpu"))
    torch.save(module.state_dict(), job.target)


def _images(case: Case, seed: int) -> torch.Tensor:
    return torch.from_numpy(images(seed, case.batch, case.resolution))


def _typed(job: Job) -> torch.nn.Module:
    """The network in the number format of the case's files: what a strongly typed runtime computes in."""
    return network(job.case, job.source).to(dtype(job.case))


def _inputs(job: Job) -> torch.Tensor:
    return _images(job.case, 1).to(dtype(job.case))


def _reference(job: Job) -> None:
    """Eager fp32 logits of two batches of images: what every backend is held against."""
    module = network(job.case, job.source)
    logits = [module(_images(job.case, seed)).numpy() for seed in REFERENCE_SEEDS]
    with job.target.open("wb") as file:
        np.savez(file, logits=np.stack(logits))


def _onnx(job: Job) -> None:
    """Of bf16 in the first opset whose Conv takes it, batch norm folded here: the exporter folds it to fp32 weights."""
    if dtype(job.case) is torch.bfloat16:
        module, opset = fuse(network(job.case, job.source)).to(torch.bfloat16), 22
    else:
        module, opset = _typed(job), None  # torch's own default
    program = torch.onnx.export(module, (_inputs(job),), dynamo=True, verbose=False, opset_version=opset)
    if program is None:
        raise RuntimeError("torch.onnx.export returned no program")
    program.save(str(job.target))


def _torchscript(job: Job) -> None:
    traced: Any = torch.jit.trace(_typed(job), (_inputs(job),))  # type: ignore[no-untyped-call]
    torch.jit.save(torch.jit.freeze(traced), job.target)


def _pt2(job: Job, **profiling: bool) -> None:
    require_compiler()
    torch.set_num_threads(job.case.threads)  # Inductor writes the thread count into its C++
    program = torch.export.export(_typed(job), (_inputs(job),))
    configured = {"freezing": True, **profiling}
    torch._inductor.aoti_compile_and_package(program, package_path=str(job.target), inductor_configs=configured)


def _pt2_profiled(job: Job) -> None:
    """The same kernels, each of which tells torch.profiler when it begins and ends."""
    _pt2(job, **{"cpp.enable_kernel_profile": True})


def _tflite(job: Job) -> None:
    os.environ["HF_HUB_OFFLINE"] = "1"  # language models' libraries come with the converter: nothing is to be fetched
    import litert_torch

    litert_torch.convert(_typed(job), (_inputs(job),)).export(str(job.target))


def _operators(graph: torch.fx.Graph) -> int:
    """Operators that compute: taking one of several results is none."""
    return sum(node.op == "call_function" and node.target is not operator.getitem for node in graph.nodes)


def _pte(job: Job) -> None:
    """A program that says by two constant methods how many operators XNNPACK was given, counted before it fuses."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeProgramManager, to_edge_transform_and_lower
    from executorch.exir.lowered_backend_module import get_lowered_submodules

    exported = torch.export.export(_typed(job), (_inputs(job),))
    lowered = to_edge_transform_and_lower(exported, partitioner=[XnnpackPartitioner()]).exported_program()
    delegates = [module for _, module, _ in get_lowered_submodules(lowered.graph_module)]
    said = {
        "delegated_operators": sum(_operators(delegate.original_module.graph) for delegate in delegates),
        "operators_not_delegated": _operators(lowered.graph) - len(delegates),
    }
    with job.target.open("wb") as file:
        EdgeProgramManager(lowered, constant_methods=said).to_executorch().write_to_file(file)


def _ncnn(job: Job) -> None:
    """Both files of ncnn in one uncompressed zip; whatever else pnnx writes stays in a folder that goes away."""
    import pnnx

    traced: Any = torch.jit.trace(_typed(job), (_inputs(job),))  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        traced.save(str(Path(folder, "net.pt")))
        shape = f"inputshape=[{job.case.batch},3,{job.case.resolution},{job.case.resolution}]f32"
        command = [pnnx.EXEC_PATH, "net.pt", shape, "fp16=0"]  # 1 would halve the weights
        ran = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        made = [Path(folder, f"net.ncnn.{kind}") for kind in ("param", "bin")]
        if ran.returncode or not all(file.exists() for file in made):
            raise RuntimeError(f"pnnx ended with exit code {ran.returncode}: {(ran.stderr or ran.stdout)[-300:]}")
        with zipfile.ZipFile(job.target, "w") as both:
            for file in made:
                both.write(file, f"net{file.suffix}")


def _plan(job: Job) -> None:
    """A plan for the case's GPU; the timing cache beside it has a plan that is built again take the same kernels."""
    prepare(job.case)  # before TensorRT is touched: without a driver it would end the process
    backends.backend(job.case.backend)  # Unavailable where TensorRT is not there or does not load
    from mnv2bench.backends.shared import tensorrt_plan

    torch.cuda.set_device(job.case.gpu)  # the builder times kernels on the current one
    timings = job.target.with_name(job.target.name.removeprefix(f"{os.getpid()}-")).with_suffix(".timings")
    plan, timed = tensorrt_plan.build(job.source, job.options, timings.read_bytes() if timings.exists() else b"")
    job.target.write_bytes(plan)
    artifacts.write(timings, timed)


EXPORTERS: dict[str, Callable[[Job], None]] = {
    "state_dict": _state_dict,
    "reference": _reference,
    "onnx": _onnx,
    "torchscript": _torchscript,
    "pt2": _pt2,
    "pt2_profiled": _pt2_profiled,
    "tflite": _tflite,
    "pte": _pte,
    "ncnn": _ncnn,
    "plan": _plan,
}


def export(case: Case, format: str, key: str, source: Path, options: dict[str, str], weights: Weights) -> Artifact:
    """Make one artifact; it appears in the cache whole or not at all."""
    target = artifacts.path(format, key)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{os.getpid()}-{target.name}")
    torch.set_num_threads(1)
    torch.set_grad_enabled(False)
    start = time.perf_counter()
    try:
        EXPORTERS[format](Job(case, source, partial, weights, options))
    except BaseException as error:
        partial.unlink(missing_ok=True)
        if isinstance(error, ModuleNotFoundError):
            fix_command = backends.fix_command(case.backend, error.name)
            raise Unavailable(f"{error.name} is not installed: {fix_command}") from error
        raise
    seconds = time.perf_counter() - start
    artifact = Artifact(format, key, partial.stat().st_size, seconds)
    partial.replace(target)
    artifacts.keep(artifact)
    return artifact
