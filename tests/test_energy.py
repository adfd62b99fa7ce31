"""Energy of the processor: powercap's files, in real folders; nothing where one of them is unreadable."""

import os

import pytest

from mnv2bench.backends import Session
from mnv2bench.case import Case
from mnv2bench.comparison.page import markdown
from mnv2bench.records import Machine, Plan, Process, Samples, record
from mnv2bench.records.encoding import from_json, to_json
from mnv2bench.records.rounds import Round
from mnv2bench.statistics.rounds import cpu_mj_per_image
from mnv2bench.workers import energy, loop, noise

MS = 1_000_000
RANGE = 262_143_328_850


def zone(powercap, name, uj, kind="package-0", range_uj=RANGE):
    """A zone as Linux shows it: a folder of small files."""
    folder = powercap / name
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{kind}\n")
    (folder / "energy_uj").write_text(f"{uj}\n")
    (folder / "max_energy_range_uj").write_text(f"{range_uj}\n")
    return folder


@pytest.fixture
def two_sockets(tmp_path):
    """Two packages with their cores, the platform, and the same package once more by another interface."""
    zone(tmp_path, "intel-rapl:0", 1_000_000)
    zone(tmp_path, "intel-rapl:0:0", 5, "core")
    zone(tmp_path, "intel-rapl:1", 2_000_000, "package-1")
    zone(tmp_path, "intel-rapl:2", 7, "psys")
    zone(tmp_path, "intel-rapl-mmio:0", 1_000_000)
    return tmp_path


def test_the_packages_of_all_sockets_are_read_and_nothing_within_or_around_them(two_sockets):
    found = energy.packages(two_sockets)
    assert [package.counter.parent.name for package in found] == ["intel-rapl:0", "intel-rapl:1"]
    assert energy.energy(found) == ((1_000_000, RANGE), (2_000_000, RANGE))


def test_a_round_has_the_energy_of_all_packages_together(two_sockets):
    found = energy.packages(two_sockets)
    before = energy.energy(found)
    (two_sockets / "intel-rapl:0" / "energy_uj").write_text("1300000\n")
    (two_sockets / "intel-rapl:1" / "energy_uj").write_text("2100000\n")
    assert energy.energy_since(before, energy.energy(found)) == 400_000


def test_a_counter_that_began_anew_goes_on_from_its_range(two_sockets):
    found = energy.packages(two_sockets)
    (two_sockets / "intel-rapl:0" / "energy_uj").write_text(f"{RANGE - 1000}\n")
    before = energy.energy(found)
    (two_sockets / "intel-rapl:0" / "energy_uj").write_text("500\n")
    assert energy.energy_since(before, energy.energy(found)) == 1500


def test_a_counter_that_stands_still_measures_nothing(two_sockets):
    before = energy.energy(energy.packages(two_sockets))
    assert energy.energy_since(before, before) is None


def test_without_powercap_or_without_packages_there_is_no_energy(tmp_path):
    assert energy.packages(tmp_path / "missing") == ()
    zone(tmp_path, "intel-rapl:0", 7, "psys")
    assert energy.packages(tmp_path) == ()
    assert energy.energy(()) is None


@pytest.mark.parametrize("content", ["", "not a number", None])
def test_where_one_package_cannot_be_read_there_is_no_energy_at_all(two_sockets, content):
    counter = two_sockets / "intel-rapl:1" / "energy_uj"
    if content is None:
        counter.unlink()
        counter.mkdir()  # root may read a file without any permission, but no folder
    else:
        counter.write_text(content)
    assert energy.packages(two_sockets) == ()


def test_a_package_that_goes_away_in_between_has_no_energy(two_sockets):
    found = energy.packages(two_sockets)
    before = energy.energy(found)
    (two_sockets / "intel-rapl:1" / "energy_uj").unlink()
    assert energy.energy(found) is None
    assert energy.energy_since(before, None) is None
    assert energy.energy_since(None, before) is None


class Using(Session):
    """A session that uses half a joule a run, by a counter that anybody may read."""

    def __init__(self, counter):
        self.counter, self.used = counter, 0

    def run(self):
        self.used += 500_000
        self.counter.write_text(str(self.used))


def test_the_loop_reads_the_counters_around_a_round(tmp_path):
    folder = zone(tmp_path, "intel-rapl:0", 0)
    found = energy.packages(tmp_path)

    def read(last):
        return noise.Counters(0, None, None, None, 0, 0, energy=energy.energy(found))

    measured = loop.time_round(Using(folder / "energy_uj"), 0.002, read)
    assert measured.cpu_energy_uj == 500_000 * len(measured.durations_ns)


def test_counters_of_this_machine_have_its_energy_or_none():
    readable = bool(energy.packages())
    assert (noise.counters().energy is not None) == readable


def ran(*rounds, batch=1):
    processes = [Process(Case(batch=batch), n, n, 0, "ok", "", 1.0, Samples(rounds=r)) for n, r in enumerate(rounds)]
    return record(Case(batch=batch), Plan(), Machine(), processes)


def used(uj, calls=10, cpu_ns=None):
    return Round((MS,) * calls, calls * MS, calls * MS if cpu_ns is None else cpu_ns, cpu_energy_uj=uj)


def test_energy_an_image_is_in_millijoules_over_the_undisturbed_rounds_and_the_median_over_processes():
    # 20 calls with 3 J and 1 J: 200 mJ a call; the disturbed round with its 100 J does not count
    first = (used(3_000_000), used(1_000_000), used(100_000_000, cpu_ns=0))
    assert cpu_mj_per_image(ran(first)) == 200.0
    assert cpu_mj_per_image(ran(first, (used(6_000_000),), (used(2_000_000),))) == 200.0
    assert cpu_mj_per_image(ran(first, batch=8)) == 25.0


def test_without_a_reading_of_every_round_there_is_no_energy_and_never_zero():
    assert cpu_mj_per_image(ran((used(3_000_000), used(None)))) is None
    assert cpu_mj_per_image(ran(())) is None


def test_a_round_comes_back_from_a_file_with_its_energy_and_older_ones_without():
    fields = to_json(used(1234))
    assert from_json(fields, Round).cpu_energy_uj == 1234
    del fields["cpu_energy_uj"]
    assert from_json(fields, Round).cpu_energy_uj is None
    with pytest.raises(ValueError, match="cpu_energy_uj"):
        from_json(fields | {"cpu_energy_uj": -1}, Round)


def test_the_page_has_a_column_of_energy_only_where_a_case_has_it():
    with_energy = markdown([("a.json", [ran((used(3_000_000),))])])
    without = markdown([("a.json", [ran((used(None),))])])
    assert "CPU mJ/image" in with_energy
    assert " 300.0 |" in with_energy
    assert "CPU mJ/image" not in without


def test_a_counter_that_only_root_may_read_is_no_error(two_sockets):
    if os.geteuid() == 0:
        (two_sockets / "intel-rapl:0" / "energy_uj").unlink()  # as for root nothing is unreadable
    else:
        (two_sockets / "intel-rapl:0" / "energy_uj").chmod(0)
    assert energy.packages(two_sockets) == ()
