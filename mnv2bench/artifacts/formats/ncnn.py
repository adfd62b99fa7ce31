"""Both files of ncnn in one uncompressed zip, by pnnx."""

import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pnnx
import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network

FORMAT = Format(suffix=".ncnn", converters=("torch", "pnnx"))


def export(job: Job) -> None:
    """Whatever else pnnx writes stays in a folder that is deleted."""
    traced: Any = torch.jit.trace(typed_network(job), (example(job),))  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        traced.save(str(Path(folder, "net.pt")))
        shape = f"inputshape=[{','.join(map(str, job.case.input_shape))}]f32"
        command = [pnnx.EXEC_PATH, "net.pt", shape, "fp16=0"]  # 1 would halve the weights
        ran = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)
        files = [Path(folder, f"net.ncnn.{part}") for part in ("param", "bin")]
        if ran.returncode or not all(file.exists() for file in files):
            raise RuntimeError(f"pnnx ended with exit code {ran.returncode}: {ran.stderr or ran.stdout}")
        with zipfile.ZipFile(job.target, "w") as both:
            for file in files:
                both.write(file, f"net{file.suffix}")
