"""Which of the network's layers an operator computes: by the modules that it names, or by its place in the order."""

import pytest

from mnv2bench import networks
from mnv2bench.case import Case
from mnv2bench.profiling.mapping import layers_of
from mnv2bench.profiling.records import Operator, Profile

CASE = Case(width=0.35, resolution=96)
ARTICLE = Case(network="mobilenet_v2_article", width=0.35, resolution=96)
OPERATOR_TYPES = {
    "conv": "conv+activation",
    "depthwise": "depthwise+activation",
    "add": "add",
    "pool": "pool",
    "linear": "matmul",
}


def profiled(*operators: tuple[str, tuple[str, ...]], case: Case = CASE) -> Profile:
    """Operators of these kinds and origins, in this order."""
    told = tuple(Operator(f"#{n}", kind, (1000,), origins) for n, (kind, origins) in enumerate(operators))
    return Profile(case, 0, "ok", "", 1.0, operators=told, calls_ns=(1000,))


def mapped(*operators: tuple[str, tuple[str, ...]], case: Case = CASE) -> list[str]:
    return [" ".join(layers) for layers in layers_of(profiled(*operators, case=case))]


def named(*origins: str, kind: str = "conv", case: Case = CASE) -> str:
    """The layers of one operator of these origins."""
    return mapped((kind, origins), case=case)[0]


def in_order(case: Case = CASE) -> list[tuple[str, tuple[str, ...]]]:
    """The network as a runtime runs it that fuses ReLU6 and nothing else, and names nothing."""
    found = networks.layers(case.network, case.width, case.resolution)
    return [
        (OPERATOR_TYPES[layer.type] if layer.activation else OPERATOR_TYPES[layer.type].partition("+")[0], ())
        for layer in found
    ]


@pytest.mark.parametrize(
    ("origin", "layer"),
    [
        ("features.0.0", "stem"),
        ("features.0.1", "stem"),
        ("features.0.2", "stem"),
        ("features.1.conv.0.0", "block0.depthwise"),
        ("features.1.conv.1", "block0.project"),
        ("features.1.conv.2", "block0.project"),
        ("features.2.conv.0.0", "block1.expand"),
        ("features.2.conv.1.0", "block1.depthwise"),
        ("features.2.conv.1.2", "block1.depthwise"),
        ("features.2.conv.2", "block1.project"),
        ("features.3", "block2.add"),
        ("features.17.conv.3", "block16.project"),
        ("features.18.0", "head"),
        ("features.18.1", "head"),
        ("", "pool"),
        ("classifier.1", "classifier"),
    ],
)
def test_a_module_of_the_network_is_a_part_of_one_layer(origin, layer):
    assert named(origin) == layer


def test_every_module_of_the_state_dict_is_a_part_of_a_layer_and_every_layer_has_one():
    for case in (CASE, ARTICLE):
        net = networks.build(case.network, case.width)
        modules = {name.rpartition(".")[0] for name in net.state_dict()}
        found = {module: named(module, case=case) for module in modules}
        layers = networks.layers(case.network, case.width, case.resolution)
        assert set(found.values()) == {layer.name for layer in layers if layer.weights}
        convs = {name: module for name, module in net.named_modules() if type(module).__name__ in ("Conv2d", "Linear")}
        weights = {layer.name: layer.weights for layer in layers}
        assert len(convs) == sum(bool(layer.weights) for layer in layers)
        assert all(weights[found[name]] == module.weight.numel() for name, module in convs.items())


def test_block_0_of_the_article_has_an_expansion():
    assert named("features.1.conv.0.0", case=ARTICLE) == "block0.expand"
    assert named("features.1.conv.1.0", case=ARTICLE) == "block0.depthwise"
    assert named("features.1.conv.2", case=ARTICLE) == "block0.project"


def test_a_fused_operator_belongs_to_the_layers_that_it_fuses_in_the_order_of_the_network():
    assert named("features.3", "features.3.conv.3", "features.3.conv.2", kind="conv+add") == "block2.project block2.add"
    assert named("", "features.18.0", kind="conv+activation+pool") == "head pool"


@pytest.mark.parametrize(
    "origins",
    [
        ("features.2",),  # block 1 changes its channels and adds nothing
        ("features.19.0",),
        ("features.3.conv",),
        ("features.3.conv.4",),
        ("features",),
        ("backbone.0",),
        ("features.0.0", "backbone.0"),
    ],
)
def test_what_is_no_layer_of_this_network_is_not_mapped_and_not_in_part(origins):
    assert named(*origins) == ""


def test_what_moves_numbers_is_no_layer_whatever_it_names():
    assert mapped(("layout", ("features.0.0",)), ("conv", ("features.0.0",))) == ["", "stem"]


def test_what_names_nothing_among_others_that_do_is_not_mapped():
    assert mapped(("conv", ("features.0.0",)), ("depthwise", ())) == ["stem", ""]


@pytest.mark.parametrize("case", [CASE, ARTICLE])
def test_kinds_in_the_order_of_the_network_are_its_layers(case):
    layers = networks.layers(case.network, case.width, case.resolution)
    assert mapped(*in_order(case), case=case) == [layer.name for layer in layers]


def test_layout_and_other_operators_do_not_disturb_the_order():
    operators = [("layout", ()), *in_order(), ("other", ())]
    assert mapped(*operators)[:2] == ["", "stem"]
    assert mapped(*operators)[-2:] == ["classifier", ""]


def test_norm_and_activation_belong_to_the_layer_before_them():
    operators = [("conv", ()), ("norm", ()), ("activation", ()), *in_order()[1:]]
    assert mapped(*operators)[:4] == ["stem", "stem", "stem", "block0.depthwise"]


def test_a_depthwise_layer_may_be_told_as_a_conv_and_a_1x1_conv_as_a_matmul():
    kinds = [kind.replace("depthwise", "conv") for kind, _ in in_order()]
    assert mapped(*((kind, ()) for kind in kinds))[1] == "block0.depthwise"
    kinds = [in_order()[0][0], *(kind.replace("conv", "matmul") for kind, _ in in_order()[1:])]
    assert mapped(*((kind, ()) for kind in kinds))[2] == "block0.project"


def test_fused_adds_and_pools_are_counted_in_the_order():
    operators = in_order()
    names = [layer.name for layer in networks.layers("mobilenet_v2", 0.35, 96)]
    at = names.index("block2.project")
    operators[at : at + 2] = [("conv+add", ())]
    operators[-3:-1] = [("conv+activation+pool", ())]
    found = mapped(*operators)
    assert found[at] == "block2.project block2.add"
    assert found[-2:] == ["head pool", "classifier"]


def test_the_bias_of_the_classifier_may_be_an_add_of_its_own():
    assert mapped(*in_order(), ("add", ()))[-2:] == ["classifier", "classifier"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda operators: operators[1:],
        lambda operators: operators[:-1],
        lambda operators: [*operators, ("conv", ())],
        lambda operators: [operators[1], operators[0], *operators[2:]],
        lambda operators: [("norm", ()), *operators],
        lambda operators: [*operators[:3], ("activation", ()), *operators[3:]],  # the projection is linear
        lambda operators: [("matmul+activation", ()), *operators[1:]],  # the stem is 3x3
        lambda operators: [("other", ())] * len(operators),
    ],
)
def test_an_order_that_is_not_the_networks_maps_nothing(damage):
    operators = damage(in_order())
    assert mapped(*operators) == [""] * len(operators)


def test_a_profile_without_operators_has_no_layers():
    assert mapped() == []
