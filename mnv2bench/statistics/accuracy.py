"""What a backend got right of the labelled images that it was tested on, and what it lost against eager fp32."""

from collections.abc import Iterator
from dataclasses import dataclass

from mnv2bench.records import Accuracy, Record
from mnv2bench.statistics.intervals import clopper_pearson

MAX_LOST_POINTS = 1.0  # docs/thresholds.md#flags


@dataclass(frozen=True)
class Tested:
    """The accuracy of a backend in per cent of `images`, a text such as `597 digits`.

    `agreement` is the share of images that have the class which eager fp32 gives them, `reference_top1` what eager
    fp32 gets right of the same images.
    """

    images: str
    top1: float
    agreement: float
    reference_top1: float

    @property
    def lost_points(self) -> float:
        """Percentage points that the backend gets right less than eager fp32 does."""
        return self.reference_top1 - self.top1


def tested(record: Record) -> Tested | None:
    """The accuracy of a record's backend at its precision and on its device; None where none was measured."""
    accuracy = record.accuracy
    if accuracy is None or accuracy.status != "ok":
        return None
    return Tested(
        images=_images(accuracy),
        top1=100 * accuracy.right / accuracy.images,
        agreement=100 * accuracy.agreeing / accuracy.images,
        reference_top1=100 * accuracy.reference_right / accuracy.images,
    )


def top1_interval(record: Record) -> tuple[float, float] | None:
    """The exact 95 % interval of the share of images that a backend gets right, in per cent; None where untested."""
    accuracy = record.accuracy
    if accuracy is None or accuracy.status != "ok":
        return None
    low, high = clopper_pearson(accuracy.right, accuracy.images)
    return 100 * low, 100 * high


def _images(accuracy: Accuracy) -> str:
    """`597 digits`, or `64 of 597 digits`."""
    some = "" if accuracy.images == accuracy.labelled else f"{accuracy.images} of "
    return f"{some}{accuracy.labelled} {accuracy.image_set}"


def accuracy_doubts(record: Record) -> Iterator[str]:
    """`accuracy` where a backend gets fewer images right than eager fp32, by over a point, or could not be tested."""
    if record.accuracy and record.accuracy.status != "ok":
        yield f"accuracy: not tested ({record.accuracy.status}: {record.accuracy.reason})"
    result = tested(record)
    if record.weights.file and result and result.reference_top1 <= 100 / record.case.classes:
        yield (
            f"accuracy: eager fp32 itself gets {result.reference_top1:.1f} % of {result.images} right, no more than "
            "chance: check that each folder is named by the number of its class"
        )
    if result and result.lost_points > MAX_LOST_POINTS:
        yield (
            f"accuracy: loses {result.lost_points:.1f} points, {result.top1:.1f} % of {result.images} right, where "
            f"eager fp32 gets {result.reference_top1:.1f} %"
        )
