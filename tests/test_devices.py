"""What a phone says of itself, in text that no phone of ours said (tests/fixtures/phone), and what is made of it."""

from pathlib import Path

import pytest
from adb_double import adb_server, phone, why_not

from mnv2bench.records.target import Battery, Cluster, Cooling, DeviceState, Sensor
from mnv2bench.remote import devices
from mnv2bench.remote.devices import answers, listing, state, temperatures
from mnv2bench.remote.devices.answers import Answer
from mnv2bench.remote.devices.clusters import Cpu, clusters, mask
from mnv2bench.remote.devices.cooling import cool_down
from mnv2bench.remote.transports import ProgramResult, Transport, transport

FIXTURES = Path(__file__).parent / "fixtures" / "phone"
BATTERY, THERMAL = ((FIXTURES / f"dumpsys_{name}.txt").read_text() for name in ("battery", "thermalservice"))


def cores(*kinds):
    """Cores 0, 1, ... of (how many, kHz, capacity)."""
    flat = [(khz, capacity) for many, khz, capacity in kinds for _ in range(many)]
    return [Cpu(number, khz, capacity) for number, (khz, capacity) in enumerate(flat)]


PIXEL = cores((4, 1785600, 284), (3, 2419200, 871), (1, 2841600, 1024))
SYMMETRIC = cores((4, 1800000, 1024))


@pytest.mark.parametrize(
    ("cpus", "expected"),
    [
        (PIXEL, [("little", "f"), ("middle", "70"), ("big", "80")]),
        (cores((4, 1900000, 400), (4, 2400000, 1024)), [("little", "f"), ("big", "f0")]),
        (cores((2, 2350000, 1024), (2, 2350000, 500)), [("little", "c"), ("big", "3")]),  # capacity is the tie-break
        (
            cores((1, 1, 1), (1, 2, 1), (1, 3, 1), (1, 4, 1)),
            [("little", "1"), ("middle", "2"), ("middle", "4"), ("big", "8")],
        ),
        (SYMMETRIC, [("", "f")]),
        (cores((2, None, None)), [("", "3")]),
        ([Cpu(0, 1000), Cpu(1, None), Cpu(2, 2000), Cpu(3, 2000, online=False)], [("little", "1"), ("big", "4")]),
        ([], []),
    ],
)
def test_cores_are_grouped_by_frequency_little_first(cpus, expected):
    assert [(c.name, c.mask) for c in clusters(cpus)] == expected


@pytest.mark.parametrize(
    ("asked", "expected"), [("big", "80"), ("middle", "70"), ("little", "f"), ("f0", "f0"), ("080", "80"), ("ff", "ff")]
)
def test_a_mask_is_what_taskset_takes(asked, expected):
    assert mask(asked, clusters(PIXEL)) == expected


def test_two_middle_clusters_are_one_mask():
    assert mask("middle", clusters(cores((1, 1, 1), (1, 2, 1), (1, 3, 1), (1, 4, 1)))) == "6"


@pytest.mark.parametrize(
    ("asked", "cpus", "text"),
    [
        (
            "middle",
            cores((4, 1, 1), (4, 2, 1)),
            "the phone has no middle cores, it has little f, big f0: ask for those, ",
        ),
        (
            "big",
            SYMMETRIC,
            "the phone has no big cores, it has one kind f: ask for those, or leave out the part after @",
        ),
        (
            "f00",
            PIXEL,
            "mask f00 names cores that the phone lacks, or that are off: it has little f, middle 70, big 80",
        ),
        ("0", PIXEL, "cores '0' are not one of little, middle, big, nor a mask like f0"),
        ("big", [], "cores 'big': the phone's cores cannot be read; leave out the part after @"),
    ],
)
def test_cores_that_a_phone_lacks_are_refused_in_one_line(asked, cpus, text):
    with pytest.raises(ValueError) as refused:
        mask(asked, clusters(cpus))
    assert str(refused.value).startswith(text)


def test_only_the_current_temperatures_of_the_hal_are_read():
    found = {"thermal": Answer(THERMAL)}
    assert [(t.name, t.celsius) for t in temperatures.hal(found)] == [("CPU", 57.9), ("skin", 31.4), ("battery", 29.3)]
    assert temperatures.thermal_status(found) == "none"
    throttling = {"thermal": Answer(THERMAL.replace("Thermal Status: 0", "Thermal Status: 3"))}
    assert temperatures.thermal_status(throttling) == "severe"


NO_HAL = THERMAL.partition("HAL Ready: true")[0] + "HAL Ready: false\n"


@pytest.mark.parametrize("text", ["", "Permission Denial", NO_HAL, THERMAL.replace("mValue=", "mValue=1.2.3")])
def test_where_the_hal_says_nothing_there_is_no_temperature(text):
    assert temperatures.hal({"thermal": Answer(text)}) is None


def test_a_battery_is_its_level_its_warmth_and_what_feeds_it():
    assert temperatures.battery({"battery": Answer(BATTERY)}) == Battery(87, 29.3, ("USB",))
    damaged = BATTERY.replace("level: 87", "level: x")
    assert temperatures.battery({"battery": Answer(damaged)}) == Battery(None, 29.3, ("USB",))
    assert temperatures.battery({"battery": Answer("Can't find service: battery")}) is None
    assert temperatures.battery({}) is None


def test_thermal_zones_are_in_degrees_whether_told_in_degrees_or_thousandths():
    found = {
        "type/0": Answer("cpu-0"),
        "temp/0": Answer("41700"),
        "temp/7": Answer("36"),
        "temp/8": Answer("", "denied"),
    }
    assert temperatures.zones(found) == {"0 cpu-0": 41.7, "7": 36.0}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        ({"thermal": Answer(THERMAL), "battery": Answer(BATTERY)}, (31.4, "skin")),
        ({"thermal": Answer(NO_HAL), "battery": Answer(BATTERY)}, (29.3, "battery")),
        ({"type/0": Answer("cpu-thermal"), "temp/0": Answer("52100")}, (52.1, "zone 0 cpu-thermal")),
        ({}, (None, "no temperature is readable")),
    ],
)
def test_a_cool_down_waits_for_the_skin_else_the_battery_else_the_hottest_zone(found, expected):
    assert temperatures.warmth(found) == expected


def test_answers_are_text_or_the_reason_why_not():
    out = (
        "noise\n@@ good\nvalue\n\n@@= 0\n@@ denied/1\ncat: /sys/x: Permission denied\n\n@@= 1\n"
        "@@ empty\n\n@@= 0\n@@ many\na\n\nb\n\n@@= 0\n@@ control\n\x1b[31mred\n\n@@= 2\n@@ cut short\nhal"
    )
    assert answers.parse(out) == {
        "good": Answer("value"),
        "denied/1": Answer("", "cat: /sys/x: Permission denied"),
        "empty": Answer("", "empty"),
        "many": Answer("a\n\nb"),
        "control": Answer("", "[31mred"),
    }


class Simulated(Transport):
    """A phone that cools by one degree each time it is asked, and a clock that only sleep moves."""

    device, kind = "adb:SIMULATED", "measured-device"

    def __init__(self, celsius, status=0):
        self.celsius, self.status, self.now, self.slept = celsius, status, 0.0, []

    def ask(self, argv, timeout_s=10):
        thermal = f"Thermal Status: {self.status}\nCurrent temperatures from HAL:\n"
        thermal += f"Temperature{{mValue={self.celsius}, mType=3, mName=skin, mStatus=0}}\n"
        self.celsius -= 1
        self.status = max(self.status - 1, 0)
        return ProgramResult(0, f"@@ thermal\n{thermal}\n@@= 0\n", "")

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def cool(self, limit_c, cap_s):
        return cool_down(self, limit_c, cap_s, self.sleep, lambda: self.now)


def test_a_cool_phone_is_not_waited_for():
    t = Simulated(30.0)
    assert t.cool(35, 600) == Cooling(
        waited_s=0.0, throttled=False, temperature_c=30.0, why="skin 30.0 C, limit 35 C; thermal status none"
    )
    assert t.slept == []


def test_a_warm_phone_is_waited_for_until_it_is_cool_enough():
    t = Simulated(38.0)
    assert t.cool(35, 600) == Cooling(
        waited_s=30.0, throttled=False, temperature_c=35.0, why="skin 35.0 C, limit 35 C; thermal status none"
    )
    assert t.slept == [10.0, 10.0, 10.0]


def test_a_phone_that_says_it_throttles_is_waited_for_although_it_is_cool():
    assert Simulated(30.0, status=2).cool(35, 600).waited_s == 20.0


def test_a_phone_that_stays_warm_is_measured_at_the_cap_and_marked():
    t = Simulated(90.0)
    assert t.cool(35, 25) == Cooling(
        waited_s=25.0,
        throttled=True,
        temperature_c=87.0,
        why="skin 87.0 C, limit 35 C; thermal status none; still too warm after 25 s",
    )
    assert t.slept == [10.0, 10.0, 5.0]


def test_what_is_emulated_has_no_state_and_nothing_to_cool():
    t = transport("qemu:cortex-a76")
    assert (state.facts(t), state.state(t)) == (state.DeviceFacts(), DeviceState())
    assert cool_down(t, 35, 600) == Cooling(
        waited_s=0.0, throttled=False, temperature_c=None, why="emulated: nothing to cool"
    )


class Answering(Transport):
    """A board that answers what it is told to."""

    device, kind = "ssh:board", "measured-device"

    def __init__(self, out):
        self.out = out

    def ask(self, argv, timeout_s=10):
        return ProgramResult(0, self.out, "")


def test_a_raspberry_pi_tells_its_model_and_its_one_kind_of_cores():
    """In the format of Linux's files; not captured by us."""
    board = "".join(
        f"@@ max/{n}\n1800000\n\n@@= 0\n@@ capacity/{n}\ncat: no\n\n@@= 1\n@@ online/{n}\n1\n\n@@= 0\n"
        for n in range(4)
    )
    board += '@@ model\nRaspberry Pi 4 Model B Rev 1.4\0\n@@= 0\n@@ abi\naarch64\n\n@@= 0\n@@ os\n"Debian"\n\n@@= 0\n'
    facts = state.facts(Answering(board))
    assert facts.texts == {
        "model": "Raspberry Pi 4 Model B Rev 1.4",
        "soc": None,
        "abi": "aarch64",
        "os": "Debian",
        "kernel": None,
    }
    assert [(c.mask, c.max_freq_khz, c.name) for c in facts.clusters] == [("f", 1800000, "")]
    assert facts.unreadable == {
        "soc": "not answered",
        "kernel": "not answered",
        "capacity": "cat: no",
        "parts": "not answered",
    }


@pytest.mark.parametrize("out", ["", "garbage", "@@ max/x\n1\n@@= 0\n", "@@ max/0\n-1\n@@= 0\n", "\0\x1b[2J"])
def test_whatever_a_device_answers_there_are_facts_and_a_state(out):
    facts, now = state.facts(Answering(out)), state.state(Answering(out))
    assert facts.texts["model"] is None
    assert facts.unreadable["model"] == "not answered"
    assert now.load is None
    assert now.unreadable["load"] == "not answered"


# --- over the real adb client ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    if why_not():
        pytest.skip(why_not())
    with adb_server(tmp_path_factory.mktemp("adb")):
        yield


def test_a_phone_tells_what_it_is_and_how_it_is_in_one_question_each(server, tmp_path):
    with phone(tmp_path / "phone") as serial, transport(f"adb:{serial}@big") as t:
        facts, now = state.facts(t), state.state(t)
        devices.set_mask(t)
        assert t.mask == "80"
    assert facts.texts.pop("kernel")
    assert facts.texts == {
        "model": "Double 8",
        "manufacturer": "mnv2bench",
        "board": "double",
        "soc": "SM8150",
        "platform": "msmnile",
        "android": "12",
        "sdk": "31",
        "fingerprint": "double/double/double:12/DBL1.260101.001/1:user/release-keys",
        "abi": "arm64-v8a",
    }
    assert facts.clusters == (
        Cluster("little", (0, 1, 2, 3), "f", 1785600, 284, "0xd05"),
        Cluster("middle", (4, 5, 6), "70", 2419200, 871, "0xd0d"),
        Cluster("big", (7,), "80", 2841600, 1024, "0xd0d"),
    )
    assert facts.unreadable == {}
    assert now == DeviceState(
        governors={str(n): "schedutil" for n in range(8)},
        frequencies_khz={str(n): 892800 if n < 4 else 1209600 if n < 7 else 1420800 for n in range(8)},
        off=(),
        load=0.42,
        zones_c={"0 cpu-0-0-usr": 41.7, "1 battery": 29.3},
        battery=Battery(87, 29.3, ("USB",)),
        thermal_status="none",
        hal=(Sensor("CPU", 0, 57.9, 0), Sensor("skin", 3, 31.4, 0), Sensor("battery", 2, 29.3, 0)),
        screen="Asleep",
        unreadable={},
    )


def test_what_a_phone_does_not_let_us_read_is_null_with_its_reason(server, tmp_path):
    denied = {
        "shims/dumpsys": '#!/bin/sh\necho "Can\'t find service: $1"; exit 1\n',
        "fixtures/getprop.txt": "[ro.product.cpu.abi]: [arm64-v8a]\n[ro.product.model]: [Double 8]\n",
        "sys/devices/system/cpu/cpu3/cpufreq/scaling_governor": "",
        "sys/devices/system/cpu/cpu7/online": "0\n",
        "sys/class/thermal/thermal_zone0/temp": "",
    }
    with phone(tmp_path / "phone", serves=denied) as serial, transport(f"adb:{serial}") as t:
        facts, now = state.facts(t), state.state(t)
    assert facts.texts["soc"] is None
    assert facts.unreadable["soc"] == "empty"
    assert [(c.name, c.mask) for c in facts.clusters] == [("little", "f"), ("big", "70")]
    assert (now.governors["3"], now.governors["4"], now.off) == (None, "schedutil", (7,))
    assert (now.battery, now.thermal_status, now.hal, now.screen) == (None, None, None, None)
    assert now.unreadable == {
        "governor/3": "empty",
        "temp/0": "empty",
        "battery": "Can't find service: battery",
        "thermal": "Can't find service: thermalservice",
        "screen": "exit code 1",
        "hal": "no section of current temperatures: this phone's thermal HAL is not ready",
    }


def test_every_place_is_listed_with_its_state_and_what_to_do(server, tmp_path, monkeypatch):
    (tmp_path / "icount.c").write_text("int nothing;\n")
    monkeypatch.setenv("MNV2BENCH_ICOUNT", str(tmp_path / "icount.c"))
    none = {row.device: row for row in listing.devices()}
    assert none["adb:SERIAL"] == (
        "adb:SERIAL",
        "none attached",
        "plug a phone in with USB debugging on, or adb connect ADDRESS",
    )
    assert none["ssh:HOST"] == ("ssh:HOST", "not asked", "any host that ssh reaches by key: ssh-copy-id HOST")
    with phone(tmp_path / "good") as good, phone(tmp_path / "bad", link="unauthorized") as bad:
        listed = {row.device: row for row in listing.devices()}
    assert listed[f"adb:{good}"] == (f"adb:{good}", "ready", "Double 8")
    assert listed[f"adb:{bad}"].state == "unauthorized"
    assert listed[f"adb:{bad}"].note.startswith(f"{bad} does not trust this machine yet: unlock it")
    assert [device for device in listed if device.startswith("qemu:")] == [
        "qemu:cortex-a53",
        "qemu:cortex-a72",
        "qemu:cortex-a76",
    ]


def test_what_is_not_installed_is_listed_with_the_command(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert tuple(row for row in listing.devices() if not row.device.startswith("cuda")) == (
        ("adb:SERIAL", "unavailable", "adb is not installed: apt-get install adb, or Android's platform-tools"),
        ("ssh:HOST", "not asked", "any host that ssh reaches by key: ssh-copy-id HOST"),
        *(
            (f"qemu:cortex-{cpu}", "unavailable", "qemu-aarch64 is not installed: apt-get install qemu-user")
            for cpu in ("a53", "a72", "a76")
        ),
    )
