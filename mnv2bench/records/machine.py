"""Machine: facts about a computer and its libraries, as each saved file keeps them."""

from typing import Annotated

import msgspec
from msgspec import Meta, Struct, ValidationError

from mnv2bench.records.ranges import MAX_ENTRIES, Finite, Text, Texts, Whole

Amount = Annotated[float, Meta(ge=0, le=1_000_000)]  # of cores, GB or watts


class GpuFacts(Struct, frozen=True):
    """The facts of one GPU that do not change while a model runs, from NVML; None where it does not know one."""

    name: Text | None = None
    uuid: Text | None = None
    driver: Text | None = None
    cuda: Text | None = None
    compute_capability: Text | None = None
    memory_mb: Whole | None = None
    power_limit_w: Amount | None = None
    sm_mhz_max: Whole | None = None
    memory_mhz_max: Whole | None = None
    mig: Text | None = None
    ecc: Text | None = None
    persistence: Text | None = None
    compute_mode: Text | None = None
    graphics_processes: Whole | None = None

    @property
    def known(self) -> dict[str, str | float]:
        """The facts that are known, by name."""
        return {name: fact for name in self.__struct_fields__ if (fact := getattr(self, name)) is not None}


class Machine(Struct, frozen=True):
    """Everything that a reader of a table needs to know of the machine.

    None is a fact that could not be read, or that a file does not have: files of schemas 1 and 2 know of no GPUs, and
    other programs write fewer facts. `cpu_family` is family/model; `cpu_flags` are those that matter for speed;
    `cpu_quota_cores` is the smallest limit of its cgroups, None without one; `memory_class_gb` is the next power of 2.
    `why_no_commit` says why `commit` is None, and `sources` is the digest of what ran. `allocator` is the setting of
    the processes that measure, `variables` are those that passed to them and can change speed: since schema 5.
    `fingerprint` names the facts that must match for two Records to be comparable; "" where a file has none.
    """

    cpu_model: Text | None = None
    cpu_family: Text | None = None
    cpu_stepping: Text | None = None
    cpu_flags: Annotated[tuple[Text, ...], Meta(max_length=MAX_ENTRIES)] = ()
    cpu_flags_hash: Text | None = None
    cores: Whole | None = None
    cores_physical: Whole | None = None
    smt: Text | None = None
    cpu_quota_cores: Amount | None = None
    isolated_cores: Text | None = None
    governor: Text | None = None
    memory_class_gb: Whole | None = None
    memory_gb: Amount | None = None
    machine: Text | None = None
    system: Text | None = None
    kernel: Text | None = None
    kernel_major: Text | None = None
    os: Text | None = None
    python: Text | None = None
    transparent_hugepages: Text | None = None
    aslr: Text | None = None
    hypervisor: bool | None = None
    gpus: Annotated[tuple[GpuFacts, ...], Meta(max_length=MAX_ENTRIES)] = ()
    gpu: Text | None = None
    libraries: Texts = {}
    commit: Text | None = None
    why_no_commit: Text | None = None
    sources: Text | None = None
    allocator: Text | None = None
    variables: Texts = {}
    fingerprint: Text = ""


class MachineState(Struct, tag_field="line", tag="state", frozen=True, forbid_unknown_fields=True):
    """How busy and how hot a machine is at one moment; None where unreadable. It is a line of a journal.

    Since schema 5: `other_load`, of a state before the first process, is how many threads of other programs ran or
    waited for a core, after the campaign had waited for an idle machine; `governor` names every governor that a core
    has; `turbo` is whether clocks above the nominal one are allowed.
    """

    load_1min: Finite | None = None
    cpu_pressure_10s: Finite | None = None
    frequency_mhz: Finite | None = None
    temperature_c: Finite | None = None
    other_load: Finite | None = None
    on_battery: bool | None = None
    governor: str | None = None
    turbo: bool | None = None


def machine_to_json(machine: Machine) -> dict[str, object]:
    """Every fact as plain JSON values, None where unreadable: what `mnv2bench env` prints and a journal's head has."""
    facts: dict[str, object] = msgspec.to_builtins(machine)
    gpus = [msgspec.to_builtins(gpu) for gpu in machine.gpus]
    return facts | {"cpu_flags": list(machine.cpu_flags), "gpus": gpus}


def machine_from_json(facts: dict[str, object]) -> Machine:
    """The machine that a file tells of. A fact that is missing, or of a type that no machine has, is unknown."""
    try:
        return msgspec.convert(facts, Machine)
    except ValidationError:
        known = {name: fact for name, fact in facts.items() if name in Machine.__struct_fields__}
    machine = Machine()
    for name, fact in known.items():
        try:
            machine = msgspec.structs.replace(machine, **{name: getattr(msgspec.convert({name: fact}, Machine), name)})
        except ValidationError:
            continue
    return machine
