"""Batches, threads and streams: which cases stand together, what to ship for throughput, and a sweep over them."""

import re

from measured_cases import evaluated, measured

from mnv2bench.comparison import markdown
from mnv2bench.recommendation import answers
from mnv2bench.recommendation.words import setting_text

ONE_STREAM = measured(4.0, 4.0, 4.0, backend="onnxruntime", threads=2, cores=2)
TWO_STREAMS = measured(5.0, 5.0, 5.0, backend="onnxruntime", streams=2, cores=2)
EAGER = measured(8.0, 8.0, 8.0, backend="torch_eager", threads=2, cores=2)


def section(page: str, title: str) -> str:
    """What stands under a heading, or is folded under a title."""
    return re.split(rf"^(?:## |<summary>){re.escape(title)}(?:</summary>)?$", page, flags=re.M)[1].split("</details>")[
        0
    ]


def test_cases_of_another_number_of_streams_are_another_setting():
    records = [measured(2.0, 2.0, 2.0, streams=streams) for streams in (2, 1)]
    settings = [answer.setting for answer in answers(evaluated(*records))]
    assert list(map(setting_text, settings)) == ["one thread, batch 1", "2 streams x 1 thread, batch 1"]


def test_streams_have_as_many_cores_as_all_of_their_threads_together():
    (busy,) = evaluated(measured(2.0, 2.0, 2.0, streams=2, cores=2))
    (idle,) = evaluated(measured(2.0, 2.0, 2.0, streams=2, cores=1))
    assert (busy.flags, idle.flags) == ((), ("threads: used 1.0 of 2",))


def test_cases_of_other_streams_have_tables_of_their_own_and_a_column_where_they_share_one():
    page = markdown([("first.json", [TWO_STREAMS, ONE_STREAM, EAGER])])
    assert re.findall(r"^\*\*(.*)\*\*$", section(page, "Latency, ms"), re.M) == [
        "mobilenet_v2_1.0_224, batch 1, 2 threads, cpu, fp32",
        "mobilenet_v2_1.0_224, batch 1, 2 streams x 1 thread, cpu, fp32",
    ]
    assert section(page, "Speed-up over torch_eager").count("2.00") == 1
    assert "2 streams x" not in section(page, "Speed-up over torch_eager")
    assert """\
| variant   |   streams |   threads |   onnxruntime |
|:----------|----------:|----------:|--------------:|
| 1.0@224   |         1 |         2 |         250.0 |
| 1.0@224   |         2 |         1 |         400.0 |""" in section(page, "Throughput, images/s")
