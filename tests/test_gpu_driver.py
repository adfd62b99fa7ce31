"""Whether there is a GPU to use, asked in real processes of drivers that are missing, broken, old, or without one."""

import importlib.util

import gpu_double
import pytest

from mnv2bench.campaign.child import run_child
from mnv2bench.case import Case
from mnv2bench.gpu.driver import Device
from mnv2bench.records import Plan
from mnv2bench.workers.jobs import DRIVER, WORKER, DriverJob, MeasureJob

TENSORRT = Case(width=0.35, resolution=96, backend="tensorrt", device="cuda", precision="fp16")
NO_GPU = "the NVIDIA driver sees no GPU: check nvidia-smi, CUDA_VISIBLE_DEVICES, and --gpus all of a container"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return gpu_double.build(tmp_path_factory.mktemp("double"))


def asked(place, index=0, cuda_version=13000, **told):
    """How a process ends that asks the driver as the campaign's does."""
    job = DriverJob(index, cuda_version, "tensorrt")
    return run_child(DRIVER, job, gpu_double.variables(place, **told), 60)


def test_a_gpu_is_told_by_cudas_number_with_what_an_engine_for_it_depends_on(folder):
    ended = asked(folder, 1, GPUS=2)
    assert (ended.status, ended.reason) == ("ok", "")
    assert ended.result == Device(
        index=1,
        name="NVIDIA Double 1",
        uuid=gpu_double.UUID.format(1),
        compute_capability="9.0",
        cuda_version=13000,
        multiprocessors=132,
    )


@pytest.mark.parametrize(
    ("index", "told", "reason"),
    [
        (0, {"GPUS": 0}, NO_GPU),
        (0, {"CUINIT": 100}, NO_GPU),
        (
            0,
            {"CUINIT": 803},
            "the NVIDIA driver does not start (cuInit: CUDA_ERROR_SYSTEM_DRIVER_MISMATCH 803): check nvidia-smi",
        ),
        (0, {"CUINIT": 7}, "the NVIDIA driver does not start (cuInit: error 7): check nvidia-smi"),
        (
            0,
            {"CUDA": 12080},
            "the NVIDIA driver serves CUDA 12.8, tensorrt needs 13.0: update the driver",
        ),
        (3, {}, "there is no cuda:3: this process sees cuda:0"),
        (3, {"GPUS": 2}, "there is no cuda:3: this process sees cuda:0, cuda:1"),
        # the order: the driver, whether it has a GPU, its number, the version
        (3, {"CUINIT": 7, "GPUS": 0, "CUDA": 12080}, "the NVIDIA driver does not start (cuInit: error 7)"),
        (3, {"GPUS": 0, "CUDA": 12080}, NO_GPU),
        (3, {"CUDA": 12080}, "there is no cuda:3: this process sees cuda:0"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_unavailable_with_the_first_reason(folder, index, told, reason):
    ended = asked(folder, index, **told)
    assert (ended.status, ended.result) == ("unavailable", None)
    assert ended.reason.startswith(reason)


def test_a_driver_that_serves_the_version_or_a_newer_one_will_do(folder):
    assert asked(folder, cuda_version=12080, CUDA=12080).status == "ok"
    assert asked(folder, cuda_version=13000, CUDA=13020).status == "ok"
    assert asked(folder, cuda_version=0, CUDA=11040).status == "ok"


def test_a_machine_without_a_driver_says_so(tmp_path):
    (tmp_path / gpu_double.DRIVER).touch()  # a file that is no library, for a machine that has one
    ended = asked(tmp_path)
    assert ended.status == "unavailable"
    assert ended.reason.startswith("no NVIDIA driver (")
    assert "libcuda.so.1" in ended.reason
    assert ended.reason.endswith(": install one; nvidia-smi shows whether it works")


@pytest.fixture
def worked(tmp_path, folder):
    """How a worker of a case for TensorRT ends, and whether it touched the `tensorrt` that it finds, if it is given."""

    def run(imports="", place=folder, **told):
        touched, package = tmp_path / "touched", tmp_path / "packages" / "tensorrt"
        variables = gpu_double.variables(place, **told)
        if imports:
            package.mkdir(parents=True)
            (package / "__init__.py").write_text(f"import pathlib\npathlib.Path({str(touched)!r}).touch()\n{imports}\n")
            variables["PYTHONPATH"] = str(package.parent)
        job = MeasureJob(
            case=TENSORRT,
            plan=Plan(),
            artifact=str(tmp_path / "no.plan"),
            reference=str(tmp_path / "no.npz"),
            compile_cache=str(tmp_path / "compiled"),
            input_seed=1,
        )
        ended = run_child(WORKER, job, variables, 60)
        return ended.status, ended.reason, touched.exists()

    return run


NO_LIBRARY = (
    "libnvonnxparser.so.11: cannot open shared object file: No such file or directory"  # as 11.4's bindings say
)


def test_tensorrt_without_its_libraries_is_unavailable(worked):
    assert worked(f"raise ImportError({NO_LIBRARY!r})") == (
        "unavailable",
        f"tensorrt does not load ({NO_LIBRARY}): reinstall it, pip install 'mnv2bench[tensorrt]'",
        True,
    )


def test_tensorrt_is_not_touched_before_the_driver_has_been_asked(worked):
    status, reason, touched = worked("raise ImportError('the driver should have come first')", CUDA=12080)
    assert (status, touched) == ("unavailable", False)
    assert reason == "the NVIDIA driver serves CUDA 12.8, tensorrt needs 13.0: update the driver"


def test_tensorrt_that_is_not_installed_is_unavailable_with_the_command(worked):
    if importlib.util.find_spec("tensorrt"):
        pytest.skip("tensorrt is installed here: this test is for machines without it")
    assert worked() == ("unavailable", "tensorrt is not installed: pip install 'mnv2bench[tensorrt]'", False)


def test_gpus_are_listed_in_cudas_order_and_without_one_the_reason_is(command, tmp_path):
    folder = gpu_double.build(tmp_path)
    two = command("mnv2bench", "devices", COLUMNS="200", **gpu_double.variables(folder, GPUS=2)).stdout.splitlines()
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in two if line.startswith("│")]
    assert rows[:2] == [[f"cuda:{n}", "ready", f"NVIDIA Double {n}, compute capability 9.0, CUDA 13.0"] for n in (0, 1)]
    none = command("mnv2bench", "devices", COLUMNS="200", **gpu_double.variables(folder, GPUS=0)).stdout
    assert "│ cuda " in none
    assert "the NVIDIA driver sees no GPU: check nvidia-smi, CUDA_VISIBLE_DEVICES, and --gpus all of a cont" in none
