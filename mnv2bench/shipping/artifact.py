"""The artifact that is shipped: the very file that was measured where the cache still has it, else one made again."""

import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from mnv2bench import artifacts, backends
from mnv2bench.artifacts import formats
from mnv2bench.campaign.preparation import Failure, make_all, prepare
from mnv2bench.case import Case
from mnv2bench.locks import Progress
from mnv2bench.networks.described import file_kind
from mnv2bench.precisions import FP32
from mnv2bench.records import Artifact, Record, Weights, replace

KEY = re.compile(r"[0-9a-f]{16}")
NAME = "net"  # of the files, before their suffix


@dataclass(frozen=True)
class Shipped:
    """The artifact's facts, its file in the cache, and that with eager fp32's logits.

    `measured_sha256` is the digest of what was measured, None where the file of records does not say it.
    """

    artifact: Artifact
    path: Path
    reference: Path
    measured_sha256: str | None

    @property
    def is_measured(self) -> bool:
        """Whether it is the measured file, byte by byte."""
        return self.artifact.sha256 is not None and self.artifact.sha256 == self.measured_sha256

    @property
    def contents(self) -> dict[str, bytes]:
        """The files that a runtime opens, by their names: those in the zip of a format that has several, else one."""
        if zipfile.is_zipfile(self.path) and self.path.suffix in (".ncnn", ".openvino"):
            with zipfile.ZipFile(self.path) as several:
                return {name: several.read(name) for name in sorted(several.namelist(), reverse=True)}
        return {f"{NAME}{formats.format(self.artifact.format).suffix}": self.path.read_bytes()}


def shipped(record: Record, weights: Weights, trt_level: int, progress: Progress) -> Shipped:
    """The artifact of a record's case with these weights.

    Raises ValueError, in one line, where it cannot be made here.
    """
    measured_sha256 = record.artifact.sha256 if record.artifact else None
    if record.weights.content_of(record.case) == weights.content_of(record.case) and (
        kept := _kept(record.case, record.artifact)
    ):
        of_reference = replace(record.case, precision=FP32.name)
        made = make_all(of_reference, formats.steps("reference"), weights, {}, progress)
        if isinstance(made, Failure):
            raise ValueError(f"{record.case.id}: {made.reason}")
        path, reference = artifacts.path(kept.format, kept.key), artifacts.path("reference", made["reference"].key)
        return Shipped(kept, path, reference, measured_sha256)
    preparation = prepare(record.case, weights, progress, trt_level=trt_level)
    if isinstance(preparation, Failure):
        raise ValueError(f"the artifact of {record.case.id} cannot be made here: {preparation.reason}")
    return Shipped(preparation.artifact, Path(preparation.path), Path(preparation.reference), measured_sha256)


def _kept(case: Case, measured: Artifact | None) -> Artifact | None:
    """The measured artifact where the cache has it, whole; nothing of a file's texts is opened but a key of ours."""
    if measured is None or not measured.sha256 or not KEY.fullmatch(measured.key):
        return None
    if measured.format != backends.runtime(case.backend).format(case.precision, file_kind(case.network)):
        return None
    return None if artifacts.damage(measured) else measured
