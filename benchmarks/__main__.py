"""`python -m benchmarks [name …]`: runs benchmarks, prints their tables and writes them to `benchmarks/results/`."""

from __future__ import annotations

import sys
from collections.abc import Callable

from benchmarks import batches, delays, feeds, ingest, reads, rendering, runs, simulate, sockets, steps, timers, vendors
from benchmarks.tables import Table, write

BENCHMARKS: dict[str, Callable[[], Table]] = {
    "ingest": ingest.measure,
    "runs": runs.measure,
    "delays": delays.measure,
    "timers": timers.measure,
    "simulate": simulate.measure,
    "rendering": rendering.measure,
    "steps": steps.measure,
    "batches": batches.measure,
    "reads": reads.measure,
    "feeds": feeds.measure,
    "sockets": sockets.measure,
    "vendors": vendors.measure,
}


def main(names: list[str]) -> None:
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        sys.exit(f"no such benchmark: {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    for name in names or BENCHMARKS:
        print(f"measuring {name} ...", flush=True)
        write(name, BENCHMARKS[name]())


main(sys.argv[1:])
