"""The handwritten digits that the package ships, and the weights of a MobileNetV2 that was trained on them.

The network classifies handwritten digits. It shows what a runtime's arithmetic and conversion do to a trained network;
its accuracy is not an accuracy on ImageNet. Source and licence of the digits: digits/LICENSE. `digits.images` makes
images of them.
"""

import hashlib
from functools import cache
from pathlib import Path

FOLDER = Path(__file__).parent
WEIGHTS = FOLDER / "weights.pt"  # a state dict, made by scripts/train_digits.py
NETWORK, WIDTH = "mobilenet_v2", 0.35  # that it is of
CLASSES = 10


@cache
def digest() -> str:
    """SHA-256 of the weights' file, in hexadecimal, its first 16 digits: which training they are from."""
    return hashlib.sha256(WEIGHTS.read_bytes()).hexdigest()[:16]
