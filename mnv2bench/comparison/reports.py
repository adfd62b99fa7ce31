"""The pages of a report that stand beside its measurement: other pages link to them."""

from pathlib import Path

from mnv2bench.comparison.page import PAGE
from mnv2bench.comparison.web_page import WEB_PAGE
from mnv2bench.files import Product, beside, why_not_ours


def reports_of(measurement: Path) -> tuple[Path, ...]:
    """The pages that `mnv2bench report` wrote beside a measurement, none where there are none of it."""
    pages = [Product(beside(measurement, sort.suffix), sort, (measurement,)) for sort in (PAGE, WEB_PAGE)]
    return tuple(page.path for page in pages if page.path.is_file() and not why_not_ours(page))
