"""What OpenVINO's nodes compute in a model that NNCF quantised, by the names of the operators that each fuses."""

import pytest

from mnv2bench.profiling.readers.openvino_nodes import module_part


@pytest.mark.parametrize(
    ("node_type", "names", "type", "origins"),
    [
        (
            "Convolution",
            ["Multiply_1", "__module.features.0.1/aten::batch_norm/BatchNormInference",
             "__module.features.0.2/aten::hardtanh_/Clamp/fq_output_0"],
            "conv+activation",
            ("features.0.1", "features.0.2"),
        ),
        (
            "Convolution",
            ["Multiply_2", "__module.features.3.conv.3/aten::batch_norm/BatchNormInference/fq_output_0",
             "__module.features.3/aten::add/Add", "__module.features.3/aten::add/Add/fq_output_0"],
            "conv+add",
            ("features.3.conv.3", "features.3"),
        ),
        (
            "FullyConnected",
            ["__module.classifier.1/aten::linear/MatMul/DequantizationMultiply"],
            "linear",
            ("classifier.1",),
        ),
        ("Reduce", ["aten::adaptive_avg_pool2d/AdaptiveAvgPool"], "pool", ("",)),
        ("Subgraph", ["inputs/fq_output_0"], "layout", ()),
        ("Reorder", [], "layout", ()),
        ("Subgraph", ["Constant_7"], "other", ()),
    ],
)  # fmt: skip
def test_a_node_names_the_modules_whose_operators_it_fuses(node_type, names, type, origins):
    part = module_part(node_type, names)
    assert (part.type, part.origins) == (type, origins)
