"""What every suite is told: how large, how often, beside whom, on how many threads."""

import sys
from dataclasses import dataclass, replace

from benchmarks import datasets, machine

SIZES = ("full", "quick", "tiny")  # tiny is for tests: seconds, no figure means anything


@dataclass(frozen=True)
class Options:
    """Settings of one run of benchmarks.compare."""

    size: str = "full"
    rounds: int | None = None
    """Rounds asked for; None: each suite's own number."""

    peers: tuple = ()
    threads: int = 2
    match: str = ""
    """Only workloads whose name contains this."""

    def pick(self, full, quick, tiny):
        """The one of three values that belongs to the size."""
        return dict(zip(SIZES, (full, quick, tiny), strict=True))[self.size]

    def workloads(self, full, quick, tiny):
        """The workloads of the size that `match` lets through: (name, k, ...), or things with a title."""
        return [one for one in self.pick(full, quick, tiny) if self.match in _name_of(one)]

    def workloads_here(self, table, full, quick, tiny):
        """Those of `workloads` whose rows are on this machine; the others become notes of the table."""
        for one in self.workloads(full, quick, tiny):
            data = one.data if hasattr(one, "data") else one[0]
            if datasets.available(data):
                yield one
            else:
                table.notes.append(f"{data}: not on this machine")

    def rounds_or(self, full, quick=1):
        """The rounds asked for, else those of the size."""
        return self.rounds or self.pick(full, quick, 1)

    def sgemm(self):
        """The machine's sgemm rate at this minute, GFLOP/s."""
        return machine.sgemm_gflops(self.threads, size=self.pick(machine.SGEMM_SIZE, machine.SGEMM_SIZE // 2, 128))

    def on(self, n_threads):
        """The same on so many threads."""
        return replace(self, threads=n_threads)

    def say(self, text):
        """Tell whoever waits what has just been measured; reports go to standard output, this does not."""
        print(text, file=sys.stderr, flush=True)


def _name_of(workload):
    return workload.title if hasattr(workload, "title") else f"{workload[0]} k={workload[1]}"
