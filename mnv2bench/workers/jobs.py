"""The jobs and the results of the programs that make ready and measure cases, each declared once."""

from msgspec import Struct

from mnv2bench.artifacts.weights import WeightsFile
from mnv2bench.case import Case, Kind
from mnv2bench.gpu.driver import Device
from mnv2bench.networks import CLASSES, IMAGE_CHANNELS, Description, Sides
from mnv2bench.records import Accuracy, Counts, ExternalResult, Plan, Samples, Weights
from mnv2bench.records.target import Target
from mnv2bench.workers.programs import Program


class MeasureJob(Struct, frozen=True):
    """One process of a case: the files that it opens, and the seed of the images that it measures with.

    `compile_cache` is the folder where its runtime may keep what it compiles. `runner` is the --runner of a case on a
    remote device. `weights` decide which images it is.
    """

    case: Case
    plan: Plan
    artifact: str
    reference: str
    compile_cache: str
    input_seed: int
    runner: str = ""
    weights: Weights = Weights()


class Measured(Struct, frozen=True):
    """What one process measured, as fields of a `records.Process`."""

    samples: Samples = Samples()
    counts: Counts | None = None
    external_result: ExternalResult | None = None
    target: Target | None = None


class AccuracyJob(Struct, frozen=True):
    """An artifact to test on labelled images, of which `labelled` has the labels and the classes of eager fp32."""

    case: Case
    plan: Plan
    artifact: str
    labelled: str
    weights: Weights
    runner: str = ""


class DeviceJob(Struct, frozen=True):
    """A case whose remote device is asked whether it is there, and for which its runner is built."""

    case: Case
    runner: str = ""


class ExportJob(Struct, frozen=True):
    """An artifact to make: `source` is the file that it is made from, `options` what its making depends on."""

    case: Case
    weights: Weights
    format: str
    key: str
    source: str = ""
    options: dict[str, str] = {}


class ReadJob(Struct, frozen=True):
    """A file of weights to read."""

    file: str


class DescribeJob(Struct, frozen=True):
    """A network to read that no family declares: a file of a user, or a name of timm's for such images.

    `sides` are None for a file that says itself which images it takes.
    """

    file: str = ""
    network: str = ""
    sides: Sides | None = None
    classes: int = CLASSES
    channels: int = IMAGE_CHANNELS


class PicturesJob(Struct, frozen=True):
    """A folder of pictures to read, for a classifier with so many classes."""

    folder: str
    classes: int


class PicturesChecked(Struct, frozen=True):
    """What a folder of pictures holds: a digest of it, and how many are tested and how many calibrate."""

    content: str
    tested: int
    calibration: int


class DriverJob(Struct, frozen=True):
    """A question to the NVIDIA driver: whether a backend can use the device of this number.

    `cuda_version` is what the backend's runtime was built for, as `cuDriverGetVersion` counts: 13000 is 13.0.
    """

    index: int
    cuda_version: int = 0
    backend: str = ""


class Programs(Struct, frozen=True):
    """What measures a case, what tests its accuracy, and what prepares the device where that is not this machine."""

    measure: Program[MeasureJob, Measured]
    accuracy: Program[AccuracyJob, Accuracy] | None = None
    prepare_device: Program[DeviceJob, None] | None = None


EXPORTER = Program("mnv2bench.workers.exporter", ExportJob, type(None))
DESCRIBER = Program("mnv2bench.workers.describer", DescribeJob, Description)
READER = Program("mnv2bench.workers.reader", ReadJob, WeightsFile)
PICTURE_READER = Program("mnv2bench.workers.picture_reader", PicturesJob, PicturesChecked)
DRIVER = Program("mnv2bench.workers.driver", DriverJob, Device)
WORKER = Program("mnv2bench.workers.worker", MeasureJob, Measured)
ACCURACY = Program("mnv2bench.workers.accuracy_worker", AccuracyJob, Accuracy)
REMOTE_WORKER = Program("mnv2bench.remote.worker", MeasureJob, Measured)
REMOTE_ACCURACY = Program("mnv2bench.remote.accuracy_worker", AccuracyJob, Accuracy)
DEVICE_PREPARER = Program("mnv2bench.remote.prepare", DeviceJob, type(None))

PROGRAMS = {
    Kind.MEASURED_HERE: Programs(WORKER, ACCURACY),
    Kind.MEASURED_ON_DEVICE: Programs(REMOTE_WORKER, REMOTE_ACCURACY, DEVICE_PREPARER),
    Kind.COUNTED: Programs(REMOTE_WORKER, REMOTE_ACCURACY, DEVICE_PREPARER),
}
