"""OpenVINO without its telemetry: importing OpenVINO would start a thread that sends an event over the network."""

import sys

sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]  # as if it were not installed

import openvino  # noqa: E402  it looks for its telemetry

__all__ = ["openvino"]
