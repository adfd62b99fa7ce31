"""What a user deploys: the artifact of a measured case, a program of 30 lines that runs it, and what is known of it."""

import io
from pathlib import Path

import numpy as np

from mnv2bench import digits
from mnv2bench.campaign.weights import require_weights
from mnv2bench.locks import Progress
from mnv2bench.records import Weights, WeightsKind, default_weights
from mnv2bench.shipping.artifact import shipped
from mnv2bench.shipping.folder import require_free, write_folder
from mnv2bench.shipping.measurement import Measurement, measured_case, newest, read_files
from mnv2bench.shipping.program import imported_modules, program, template_name
from mnv2bench.shipping.readme import readme
from mnv2bench.shipping.requirements import requirements, requirements_text
from mnv2bench.shipping.verification import PROGRAM, Verification, batches, verify

__all__ = ["Measurement", "measured_case", "newest", "read_files", "require_free", "ship", "shipped_weights"]

DIGITS_LICENCE = "LICENSE-digits.txt"


def shipped_weights(measurement: Measurement, named: Weights | None) -> Weights:
    """The weights that go along: those that a user named, else those that were measured.

    Of digits weights that are not in this version any more, those of this version take the place. Raises ValueError, in
    one line, where a user has to name them: no path of a file of records is opened.
    """
    case, measured = measurement.record.case, measurement.record.weights
    if measured.kind(case) == WeightsKind.MODEL:
        raise ValueError(f"{case.id} was measured with a model of your own: ship its file with your own program")
    if named:
        return require_weights((case,), named)
    if measured.file or measured.images:
        options = "--weights FILE --images FOLDER" if measured.images else "--weights FILE"
        of_file = f"a file of weights (sha256 {measured.content[:16]})"
        raise ValueError(f"{case.id} was measured with {of_file}: name it with {options}")
    if measured.kind(case) == WeightsKind.DIGITS and measured.digits != digits.digest():
        return default_weights(measured.seed)
    return measured


def ship(measurement: Measurement, weights: Weights, folder: Path, progress: Progress) -> Verification:
    """Write the folder; nothing is written where the verification says that the program is wrong.

    Raises ValueError or Unsupported, in one line, where the case cannot be shipped.
    """
    record = measurement.record
    template_name(record.case)  # raises Unsupported before anything is made
    require_free(folder)
    progress(f"making the artifact of {record.case.id}", 0, 0)
    artifact = shipped(record, weights, record.plan.trt_level, progress)
    files = artifact.contents
    text = program(record, next(iter(files)), measurement.candidate.median_ms / 1e3)
    required = requirements(record, imported_modules(text))
    contents = {
        PROGRAM: text.encode(),
        **files,
        "images.npy": _saved(batches(record, weights)[0]),
        "requirements.txt": requirements_text(required).encode(),
    }
    if weights.kind(record.case) == WeightsKind.DIGITS:
        contents[DIGITS_LICENCE] = Path(digits.__file__).with_name("LICENSE").read_bytes()
    progress(f"running {PROGRAM} and comparing its outputs with eager fp32", 0, 0)
    verification = verify(contents, record, weights, artifact.reference, [name for name, _ in required])
    if not verification.wrong:
        page = readme(measurement, weights, artifact, verification, required, contents)
        write_folder(folder, {"README.md": page.encode(), **contents})
    return verification


def _saved(images: np.ndarray) -> bytes:
    """The bytes of images as numpy.save writes them."""
    buffer = io.BytesIO()
    np.save(buffer, images)
    return buffer.getvalue()
