"""What an exporter is given, and what several exporters share: the network and images in the case's number format."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from mnv2bench.artifacts import calibration
from mnv2bench.backends.shared.cuda_session import dtype
from mnv2bench.backends.shared.torch_session import network, require_compiler, typed
from mnv2bench.case import Case
from mnv2bench.imagesets import image_set
from mnv2bench.records import Weights


@dataclass(frozen=True)
class Job:
    """One artifact to make: `source` is the state dict, or the artifact that this format is made from."""

    case: Case
    source: Path
    target: Path
    weights: Weights
    options: dict[str, str]


def batch(job: Job, seed: int) -> torch.Tensor:
    """A batch of images in float32."""
    return torch.from_numpy(image_set(job.case, job.weights).batch(seed, job.case.batch, job.case.image))


def calibration_images(job: Job) -> NDArray[np.float32]:
    """The images on which the scales of int8 are set: (100, channels, height, width). They are never tested on.

    Raises Unavailable, in one line, where they are too few or not finite.
    """
    images = image_set(job.case, job.weights).calibration(calibration.IMAGES, job.case.image)
    calibration.require_usable(images)
    return images


def calibration_batches(job: Job) -> NDArray[np.float32]:
    """The same images in batches of the case's size, (n, batch, channels, height, width).

    The last one is filled up with the first images, which changes no range.
    """
    images, batch = calibration_images(job), job.case.batch
    number = -(-len(images) // batch)
    return images[np.arange(number * batch) % len(images)].reshape(number, batch, *images.shape[1:])


def typed_network(job: Job) -> torch.nn.Module:
    """The network in the number format of the case's files: what a strongly typed runtime computes in.

    Where that is not float32, batch norm is folded first.
    """
    return typed(job.case, network(job.case, job.source))


def example(job: Job) -> torch.Tensor:
    """The batch of images that a network is traced with, in the number format of the case's files."""
    return batch(job, 1).to(dtype(job.case))


def exported_program(job: Job) -> torch.export.ExportedProgram:
    """The network as torch.export writes it, in the number format of the case's files."""
    return torch.export.export(typed_network(job), (example(job),))


def compile_package(job: Job, program: torch.export.ExportedProgram, options: dict[str, bool]) -> None:
    """Compile a program with AOTInductor, with more of Inductor's options."""
    require_compiler()
    torch.set_num_threads(job.case.threads)  # Inductor writes the thread count into its C++
    configuration = {"freezing": True, **options}
    torch._inductor.aoti_compile_and_package(program, package_path=str(job.target), inductor_configs=configuration)
