"""ncnn in fp32, and with bf16 between layers, without a delegate. Its API needs a new extractor for every inference."""

import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import ncnn

from mnv2bench.backends import Images, Runtime, Session, require
from mnv2bench.backends.shared.arrays import joined
from mnv2bench.case import Case

RUNTIME = Runtime(
    reads="ncnn",
    runs={"cpu": ("fp32", "bf16")},
    reads_fp32=("bf16",),
    refuses={
        "cpu": {
            "fp16": "ncnn has no fp16 on x86: none of its layers supports fp16 storage there",
            "int8": "ncnn's wheels have no tools for int8 (ncnn2table, ncnn2int8), and pnnx has no option for it",
        }
    },
    extra="ncnn",
    distributions=("ncnn",),
    why_no_profiler="ncnn's wheels are built without its benchmark option, and it has no other profiler",
    programs={"cpu": "ncnn"},
    mobile=True,
    counted=True,
    wheels=("ncnn",),
)
WITH_WEIGHTS = ("Convolution", "ConvolutionDepthWise", "InnerProduct")
BF16 = "use_bf16_storage"
REDUCED = ("use_fp16_packed", "use_fp16_storage", "use_fp16_arithmetic", "use_bf16_packed", BF16)


def _damaged(path: Path, why: str) -> RuntimeError:
    return RuntimeError(f"{path.name} is damaged ({why}): delete {path.parent}, and artifacts are made anew")


class NcnnSession(Session):
    """Opens the two files of ncnn in the zip; ncnn copies the weights, so the unpacked files are deleted."""

    def __init__(self, case: Case, path: Path) -> None:
        self.net = ncnn.Net()
        self.net.opt.num_threads = case.threads  # counts only before loading
        for name in REDUCED:
            setattr(self.net.opt, name, name == BF16 and case.precision == "bf16")
        if not zipfile.is_zipfile(path):
            raise _damaged(path, "not a zip")
        with tempfile.TemporaryDirectory(prefix="mnv2bench-") as folder:
            with zipfile.ZipFile(path) as both:
                both.extractall(folder)
            for load, name in ((self.net.load_param, "net.param"), (self.net.load_model, "net.bin")):
                if code := load(str(Path(folder, name))):  # unchecked, the first inference would crash
                    raise _damaged(path, f"ncnn loads no {name}, code {code}")
        self.names = [f"out{number}" for number in range(len(self.net.output_names()))]
        self.code, self.outputs = -1, [ncnn.Mat()]
        self.input, self.batch = ncnn.Mat(), case.batch

    def put(self, images: Images) -> None:
        self.input = ncnn.Mat(images, batch_index=0).clone()  # its own memory, rows aligned as its kernels like them

    def run(self) -> None:
        extractor = self.net.create_extractor()
        extractor.input("in0", self.input)
        outputs = [extractor.extract(name) for name in self.names]
        self.code, self.outputs = max(code for code, _ in outputs), [output for _, output in outputs]

    def get(self) -> Images:
        if self.code:
            raise RuntimeError(f"ncnn ended an inference with code {self.code}")
        return joined([output.numpy(batch_index=0) for output in self.outputs], self.batch)

    def layers(self) -> dict[str, int]:
        """By what each layer declares once it is loaded: one without bf16 storage is given fp32 and computes in it."""
        bf16 = getattr(self.net.opt, BF16)
        layers = [layer for layer in self.net.layers() if layer.type in WITH_WEIGHTS]
        return dict(Counter("bf16" if bf16 and layer.support_bf16_storage else "fp32" for layer in layers))

    def settings(self) -> dict[str, str]:
        return {
            "threads": str(self.net.opt.num_threads),
            "delegate": "none",
            "reduced precision": " ".join(name for name in REDUCED if getattr(self.net.opt, name)) or "none",
            "spinning": f"{self.net.opt.openmp_blocktime} ms",
        }


def open(case: Case, path: Path) -> Session:
    require(case)
    return NcnnSession(case, path)
