"""The JSON of a remote device's state: as this version writes it, and as other versions may have written it."""

import json

from mnv2bench.records.target import (
    Battery,
    Cluster,
    Cooling,
    DeviceState,
    Sensor,
    Target,
    target_from_json,
    target_to_json,
)

BOARD = DeviceState(
    governors={"0": "ondemand", "1": None},
    frequencies_khz={"0": 1_500_000, "1": None},
    off=(3,),
    load=0.25,
    zones_c={"0 cpu-thermal": 48.3},
    unreadable={"governor/1": "empty"},
)
PHONE = DeviceState(
    governors={"4": "schedutil"},
    frequencies_khz={"4": 1_420_800},
    off=(),
    load=None,
    zones_c={},
    battery=Battery(87, 29.3, ("USB",)),
    thermal_status=None,
    hal=(Sensor("skin", 3, 31.4, 0),),
    screen="Asleep",
    unreadable={"thermal": "Can't find service: thermalservice"},
)
TARGET = Target(
    facts={"soc": "MSM8998", "libc": "glibc 2.36"},
    clusters=(Cluster("big", (4, 5), "30", 2_400_000, 1024, "0xd0b"),),
    mask="30",
    cooling=Cooling(20.0, False, 31.4, "skin 31.4 C, limit 38 C"),
    before=BOARD,
    after=PHONE,
)


def test_a_target_is_the_same_after_its_json():
    assert target_from_json(json.loads(json.dumps(target_to_json(TARGET)))) == TARGET


def test_a_value_that_is_unreadable_is_null_and_one_that_was_not_asked_for_is_not_there():
    fields = json.loads(json.dumps(target_to_json(TARGET)))
    assert list(fields) == ["facts", "clusters", "mask", "cooling", "before", "after"]
    assert fields["before"] == {
        "governors": {"0": "ondemand", "1": None},
        "frequencies_khz": {"0": 1_500_000, "1": None},
        "off": [3],
        "load": 0.25,
        "zones_c": {"0 cpu-thermal": 48.3},
        "unreadable": {"governor/1": "empty"},
    }
    assert fields["after"]["thermal_status"] is None
    assert fields["after"]["hal"] == [{"name": "skin", "type": 3, "celsius": 31.4, "status": 0}]
    assert target_to_json(Target())["before"] == {}


def test_a_field_that_is_missing_or_of_another_type_has_its_default_and_the_others_stay():
    read = target_from_json(
        {
            "facts": {"soc": "MSM8998", "sdk": 31, "clusters": [], "unreadable": {}},
            "clusters": "f0",
            "mask": "f0",
            "cooling": {"waited_s": "long", "throttled": True},
            "before": None,
            "after": {"load": "high", "thermal_status": "severe", "hal": {}, "of another version": 1},
            "of another version": 1,
        }
    )
    assert read == Target(
        facts={"soc": "MSM8998", "sdk": "31"},
        mask="f0",
        cooling=Cooling(throttled=True),
        after=DeviceState(thermal_status="severe"),
    )


def test_a_process_of_this_machine_has_no_target():
    assert target_from_json(None) is None
    assert target_from_json({}) is None
    assert target_from_json(["facts"]) is None
