"""Both files of ncnn in one uncompressed zip, by pnnx, from a traced network or the user's own ONNX file."""

import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import pnnx
import torch

from mnv2bench.artifacts.formats import Format
from mnv2bench.artifacts.job import Job, example, typed_network
from mnv2bench.networks.described import file_kind

FORMAT = Format(suffix=".ncnn", converters=("torch", "pnnx"), from_files=("onnx", "pt2"))


def export(job: Job) -> None:
    """Whatever else pnnx writes stays in a folder that is deleted."""
    with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
        source = _written(job, Path(folder))
        shape = f"inputshape=[{','.join(map(str, job.case.input_shape))}]f32"
        command = [pnnx.EXEC_PATH, source, shape, "fp16=0"]  # 1 would halve the weights
        ran = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=False)
        files = [Path(folder, f"net.ncnn.{part}") for part in ("param", "bin")]
        if ran.returncode or not all(file.exists() for file in files):
            raise RuntimeError(f"pnnx ended with exit code {ran.returncode}: {ran.stderr or ran.stdout}")
        with zipfile.ZipFile(job.target, "w") as both:
            for file in files:
                both.write(file, f"net{file.suffix}")


def _written(job: Job, folder: Path) -> str:
    """The name of the file in the folder that pnnx reads."""
    if file_kind(job.case.network) == "onnx":
        from mnv2bench.artifacts.models import onnx_file

        model = onnx_file.typed_model(job.case, job.source)
        onnx_file.require_float_images(job.case, model, "ncnn")
        Path(folder, "net.onnx").write_bytes(model.SerializeToString())
        return "net.onnx"
    traced: Any = torch.jit.trace(typed_network(job), (example(job),))  # type: ignore[no-untyped-call]
    traced.save(str(Path(folder, "net.pt")))
    return "net.pt"
