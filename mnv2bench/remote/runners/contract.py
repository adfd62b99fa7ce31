"""The contract of runners: an argument list in, one line of JSON out.

RUNNER --model FILE --inputs FILE --outputs FILE --shape B,C,H,W --threads N --precision NAME --limit-s S
       --mode time|count|each
       time:  --rounds N --round-s S --warmup-s S --warmup-runs N --warmup-cap-s S --warmup-cap-rounds N
              --steady-slope S
       count: --runs N --warmup-runs N

`inputs` holds six or more batches of float32 images, NCHW, whatever the precision is. A runner runs the first two once
each and writes their logits, which are float32 too, to `outputs`. It warms up with the third and takes another batch
before each round, in turn, but not the last two. After the last round it runs the last two once each, and puts the
second of them before it reads the logits of the first. It writes the logits of each of these batches when it has done
with it: workers/rotation.py has the order. It exits with TOO_LATE after `--limit-s`.

Its last line is {"contract": 3, "runner": name, "samples": the JSON of records.Samples}, with `checks` as far as a
runner can know them, and with `layers`: how many convolution and linear layers ran in each precision, by the runtime's
own graph.

In mode count every inference that is counted is of the third batch, the line has also "marks": {"empty": 3, "runs": N},
and samples hold no times. A mark is getpgid(0x6d760000 + label), which is no process on a real kernel, and a snapshot
of the counters under the plugin icount.c: three pairs with nothing between them (labels 10 to 15), then a pair around
each run (100 + 2 i and 101 + 2 i).

In mode each the runner runs every batch once, of which there may be fewer, and writes the logits of each. The line has
also "batches": N, and samples hold no times.

This module is imported on the device, before numpy could start threads: it imports nothing.
"""

CONTRACT = 3
TIME, COUNT, EACH = MODES = ("time", "count", "each")
TOO_LATE = 124  # exit codes of a runner, besides 0 and 1
UNSUPPORTED, UNAVAILABLE = 64, 69
MARK = 0x6D760000
EMPTY_PAIRS, FIRST_EMPTY, FIRST_RUN = 3, 10, 100
