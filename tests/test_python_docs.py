"""docs/python.md: its code runs as it stands, one block after the other."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def printed(tmp_path_factory):
    """What the blocks print, run as one script in a folder that has `results` as a checkout does."""
    folder = tmp_path_factory.mktemp("docs")
    (folder / "results").symlink_to(ROOT / "results")
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "python.md").read_text(), re.DOTALL)
    (folder / "script.py").write_text("\n".join(blocks))
    ran = subprocess.run(
        [sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=600, check=False
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def test_the_blocks_print_progress_an_answer_and_what_the_comments_beside_them_say(printed):
    assert "6 of 6 processes" in printed or "processes" in printed
    assert "mobilenet_v2_0.35_96" in printed
    assert "backend 'openvyno' is not one of executorch, litert, " in printed
    assert re.search(
        r"the budget of 5 min is not enough for one process of each case \(44 cases, .*\): give it \d+m or more, or",
        printed,
    )
    assert "154 cases, 156 with mine" in printed
    assert "Within 20 ms, ship mobilenet_v2_1.4_224 on openvino in fp32" in printed
    assert "mobilenet_v2_1.4_224-b1-openvino-cpu-fp32-t1 (" in printed
    assert "['page.md', 'page.csv', 'page.html', 'page.answer.svg', 'page.answer-dark.svg']" in printed
