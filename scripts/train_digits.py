"""Trains the digits network whose weights the package ships: mnv2bench/digits/weights.pt.

Run it from the project's root with the project's own environment:

    .venv/bin/python scripts/train_digits.py

It takes a quarter of an hour on two cores. No set-up and no test runs it. It prints the accuracy on the held-out digits
at every published resolution. The seed fixes the order of everything, but other processors round differently: a second
training gives other weights of about the same accuracy.
"""

import argparse
import copy
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from mnv2bench import digits
from mnv2bench.digits import images as digit_images
from mnv2bench.networks import build

RESOLUTIONS = (96, 128, 160, 192, 224)
SEED = 0
BATCH = 32
STATISTICS_BATCHES = 150  # batch norm's means and variances are taken anew at the end


class Phase(NamedTuple):
    """Some epochs of training: the resolutions that each batch draws one of, and the highest learning rate."""

    epochs: int
    resolutions: Sequence[int]
    rate: float


PHASES = (
    Phase(30, RESOLUTIONS, 4e-3),
    Phase(10, (96, 96, 96, *RESOLUTIONS), 1e-3),  # the smallest is the hardest: its last layers see 3 x 3 pixels
)


def batch(ink: np.ndarray, resolution: int, rng: np.random.Generator) -> torch.Tensor:
    """Images of digits, each batch moved by up to one published pixel, with other contrast, brightness and noise."""
    rows, columns = rng.integers(-1, 2, 2)
    moved = np.roll(ink, (rows, columns), axis=(1, 2))
    images = digit_images.images(moved, resolution, resolution)
    contrast = rng.uniform(0.7, 1.3, (1, 3, 1, 1)).astype(np.float32)
    brightness = (0.2 * rng.standard_normal((1, 3, 1, 1))).astype(np.float32)
    noise = np.float32(rng.uniform(0, 0.1)) * rng.standard_normal(images.shape, np.float32)
    return torch.from_numpy(images * contrast + brightness + noise)


def accuracy(network: nn.Module, resolution: int) -> float:
    """The share of the held-out digits that the network gets right."""
    ink, labels = digit_images.held_out()
    right = 0
    network.eval()
    with torch.no_grad():
        for start in range(0, len(ink), 64):
            images = torch.from_numpy(digit_images.images(ink[start : start + 64], resolution, resolution))
            right += int((network(images).argmax(1).numpy() == labels[start : start + 64]).sum())
    return right / len(ink)


def norms(network: nn.Module) -> list[nn.BatchNorm2d]:
    return [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]


def take_statistics(network: nn.Module) -> None:
    """Batch norm's means and variances over images of all resolutions, each as often."""
    ink, _ = digit_images.training()
    rng = np.random.default_rng(SEED)
    for norm in norms(network):
        norm.reset_running_stats()
        norm.momentum = None
    network.train()
    with torch.no_grad():
        for number in range(STATISTICS_BATCHES):
            chosen = rng.choice(len(ink), BATCH, replace=False)
            resolution = RESOLUTIONS[number % len(RESOLUTIONS)]
            network(batch(ink[chosen], resolution, rng))
    network.eval()


def train(network: nn.Module, phase: Phase, rng: np.random.Generator) -> None:
    ink, labels = digit_images.training()
    for norm in norms(network):
        norm.momentum = 0.1
    batches = len(ink) // BATCH
    optimiser = torch.optim.AdamW(network.parameters(), lr=phase.rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, phase.rate, total_steps=phase.epochs * batches)
    started = time.monotonic()
    for epoch in range(phase.epochs):
        network.train()
        order = rng.permutation(len(ink))
        losses = []
        for number in range(batches):
            chosen = order[number * BATCH : (number + 1) * BATCH]
            logits = network(batch(ink[chosen], int(rng.choice(phase.resolutions)), rng))
            loss = functional.cross_entropy(logits, torch.from_numpy(labels[chosen]), label_smoothing=0.05)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: loss {np.mean(losses):.3f}, {time.monotonic() - started:.0f} s", flush=True)


def averaged(states: Sequence[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """The means of the weights after each phase: the first is better at large resolutions, the second at small ones."""
    return {
        name: sum(state[name] for state in states) / len(states) if tensor.is_floating_point() else tensor
        for name, tensor in states[-1].items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="Train the digits network whose weights the package ships.")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--out", type=Path, default=digits.WEIGHTS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(SEED)
    network = build(digits.NETWORK, digits.WIDTH, classes=digits.CLASSES, seed=SEED)
    states = []
    for number, phase in enumerate(PHASES):
        train(network, phase, np.random.default_rng(SEED + number))
        states.append(copy.deepcopy(network.state_dict()))
    network.load_state_dict(averaged(states))
    take_statistics(network)
    for resolution in RESOLUTIONS:
        print(f"held-out digits right at {resolution}: {100 * accuracy(network, resolution):.2f} %", flush=True)
    torch.save(network.state_dict(), options.out)
    print(f"{options.out}: {options.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
