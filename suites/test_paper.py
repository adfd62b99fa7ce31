"""Our counts equal the published numbers; every GMAdds/s in a report depends on them."""

import pytest

from mnv2bench.networks import count
from mnv2bench.paper import official


@pytest.mark.parametrize("width,resolution", list(official()), ids=lambda value: str(value))
def test_the_counted_madds_are_the_published_ones(width, resolution):
    assert int(count("mobilenet_v2", width, resolution).madds / 1e6) == official()[width, resolution].madds_m


@pytest.mark.parametrize("width,resolution", list(official()), ids=lambda value: str(value))
def test_the_counted_params_are_the_published_ones(width, resolution):
    params = count("mobilenet_v2", width, resolution, classes=1001).params_without_bn
    assert int(params / 1e4) / 100 == official()[width, resolution].params_m
