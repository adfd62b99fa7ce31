"""One artifact cache for the whole run, and the command line in processes of its own."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from mnv2bench.cli import main
from mnv2bench.selfcheck.duels import slower

BIN = Path(sys.executable).parent
PATIENCE_S = 120  # for what is certain to come; nothing is asserted about how soon


def pytest_configure(config):
    """A warning is an error here, but for those that pyproject.toml names: errors are for our own tests."""
    config.getini("filterwarnings").insert(0, "error")


@pytest.fixture
def verb(monkeypatch, capsys):
    """verb("compare", ...): a verb in this process, as a new interpreter each time takes a minute in all."""

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["mnv2bench", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            main()
        return SimpleNamespace(returncode=int(ended.value.code or 0), **capsys.readouterr()._asdict())

    return run


@pytest.fixture(scope="session", autouse=True)
def cache(tmp_path_factory):
    """Artifacts are exported once a test run, by the test process that needs one first; the user's own cache stays."""
    base = tmp_path_factory.getbasetemp()  # of this process: that of the whole run is above it with pytest -n
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "artifacts"
    folder.mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MNV2BENCH_CACHE", str(folder))
        patch.setenv("MNV2BENCH_LOCKS", str(base / "locks"))  # pytest -n 2 runs campaigns side by side on purpose,
        patch.setenv("MNV2BENCH_IDLE_S", "0")  # and no test waits for the other half to be idle
        for name in ("MNV2BENCH_FAKE", "PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PY_COLORS", "FORCE_COLOR"):
            patch.delenv(name, raising=False)
        yield folder


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup():
    """torch's compiler sets this in its own process, and a test that ran it is no reason for the next to name it."""
    os.environ.pop("TORCHINDUCTOR_CACHE_DIR", None)


@pytest.fixture(scope="session")
def c_compiler():
    compiler = shutil.which("cc") or shutil.which("gcc")
    if not compiler:
        pytest.skip("no C compiler here: apt-get install gcc libc6-dev")
    return compiler


def wait_for(seen):
    """What `seen` returns as soon as it is something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        found = seen()
        if found:
            return found
        time.sleep(0.02)
    raise TimeoutError("what the test waits for did not come")


@pytest.fixture(scope="session", name="wait_for")
def _wait_for():
    return wait_for


@pytest.fixture(scope="session")
def command():
    """Run a console script to its end: command("mnv2bench", "env", FAKE_VARIABLE="...")."""

    def run(*words, **variables):
        return subprocess.run(
            [BIN / words[0], *words[1:]],
            env={**os.environ, **variables},
            capture_output=True,
            text=True,
            timeout=5 * PATIENCE_S,
            check=False,
        )

    return run


@pytest.fixture
def started():
    """Start a console script and leave it running; whatever it started ends with the test."""
    running, family = [], set()

    def start(*words, largest_file=None, **variables):
        def prepare():
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a shell's "&" would have it ignored
            if largest_file:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))

        process = subprocess.Popen(
            [BIN / words[0], *words[1:]],
            env={**os.environ, **variables},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=prepare,
        )
        running.append(process)
        return process

    def worker(process, module="mnv2bench.workers.worker"):
        """The worker process that a campaign has started, as soon as it has."""
        parent = psutil.Process(process.pid)

        def seen():
            for found in parent.children(recursive=True):
                family.add(found)
                try:
                    if module in found.cmdline()[:5]:  # of its supervisor it is a later argument
                        return found
                except psutil.Error:
                    pass  # between fork and exec, or gone
            return None

        return wait_for(seen)

    start.worker = worker
    yield start
    for process in running:
        process.kill()
        process.communicate()
    for left in family:
        if left.is_running():
            left.kill()


@pytest.fixture
def slowed(tmp_path):
    """Make an interpreter in whose workers some cases spin on: slowed({case: nanoseconds})."""

    def make(added_ns):
        return slower(sys.executable, added_ns, tmp_path)

    return make
