"""One fresh process that tests one artifact on every labelled image. Nothing is timed."""

from pathlib import Path

from mnv2bench import backends
from mnv2bench.imagesets import image_set
from mnv2bench.records import Accuracy
from mnv2bench.workers.accuracy import LabelledReference, accuracy, batches, classes
from mnv2bench.workers.jobs import ACCURACY, AccuracyJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: AccuracyJob) -> Outcome[Accuracy]:
    """Open the artifact as a timed process does, and give it every labelled image once."""
    case, pictures = job.case, image_set(job.case, job.weights)
    with backends.backend(case.backend).open(case, Path(job.artifact)) as session:
        answers = classes(session, batches(pictures, case.batch, case.image))
    return Outcome(result=accuracy(answers, LabelledReference(Path(job.labelled)), pictures.name))


if __name__ == "__main__":
    serve(ACCURACY, main)
