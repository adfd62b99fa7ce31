"""docs/verbs.md against the declarations that --help is made from."""

from pathlib import Path

from typer.main import get_command

import mnv2bench
from mnv2bench.cli import app
from mnv2bench.cli.verbs import GROUPS
from mnv2bench.cli.verbs_page import verbs_page

PAGE = Path(mnv2bench.__file__).parents[1] / "docs" / "verbs.md"


def test_the_page_of_the_verbs_is_current():
    renew = "run: python -m mnv2bench.cli.verbs_page docs/verbs.md"
    assert PAGE.read_text(encoding="utf-8") == verbs_page(), f"docs/verbs.md is stale, {renew}"


def test_every_verb_and_each_of_its_options_stands_there():
    page = verbs_page()
    assert [line[3:] for line in page.splitlines() if line.startswith("## ")] == [*GROUPS, "Options that choose cases"]
    for name, command in get_command(app).commands.items():
        assert f"\n### mnv2bench {name}\n" in page
        for parameter in command.params:
            if parameter.param_type_name == "option" and parameter.name != "help":
                assert f"`{', '.join(parameter.opts)}`" in page


def test_what_several_verbs_share_stands_once():
    assert verbs_page().count("`--process-limit`") == 1
    assert verbs_page().count("`--budget`") == 5, "run, duel, bisect and gate have times of their own, fleet has none"
    assert "| `--rounds` | `10` |" in verbs_page()  # the default of duel and bisect
