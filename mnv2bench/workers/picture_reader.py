"""One fresh process that decodes every picture of a user once: the campaign's process imports no Pillow."""

from pathlib import Path

from mnv2bench.pictures import pictures, require_readable
from mnv2bench.refusals import Unavailable
from mnv2bench.workers.jobs import PICTURE_READER, PicturesChecked, PicturesJob
from mnv2bench.workers.programs import Outcome, serve


def main(job: PicturesJob) -> Outcome[PicturesChecked]:
    """What the folder holds. Raises Unavailable, with the reason, where it cannot be used."""
    folder = Path(job.folder)
    try:
        every = pictures(folder, job.classes)
        require_readable(folder, every)
    except OSError as error:
        raise Unavailable(f"cannot be read ({error.strerror})") from error
    except ValueError as error:
        raise Unavailable(str(error)) from error
    return Outcome(result=PicturesChecked(every.content, len(every.tested), len(every.calibration)))


if __name__ == "__main__":
    serve(PICTURE_READER, main)
