"""Progress bars over a fit, on stderr: one for seeding and iterations, and one for the bytes of a streamed pass."""

from tqdm import tqdm


class ProgressBar:
    """A callback that shows where a fit is; calls the user's own callback, if any, and passes on its answer."""

    def __init__(self, n_clusters, max_iter, n_init, callback=None):
        self.n_clusters, self.max_iter, self.n_init, self.callback = n_clusters, max_iter, n_init, callback
        self.bar = self.reading = None
        self.phase = None

    def watch(self, source):
        """Show what each pass of a streamed source has read, how fast, and how long it will take yet."""
        source.tell_read, self.bytes_a_pass = self._read, source.bytes_a_pass

    def _read(self, n_bytes):
        if self.reading is None:
            form = "{desc} {percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}, {rate_fmt}]"
            self.reading = tqdm(
                total=self.bytes_a_pass, desc="reading", unit="B", unit_scale=True, position=1, leave=False,
                bar_format=form,
            )  # fmt: skip
        if n_bytes == 0:
            self.reading.reset()
        self.reading.update(n_bytes - self.reading.n)

    def __call__(self, stats):
        if (stats.phase, stats.restart) != self.phase:
            self.close()
            self.phase = stats.phase, stats.restart
            run = f"run {stats.restart + 1}/{self.n_init} " if self.n_init > 1 else ""
            seeding = stats.phase == "seeding"
            total = self.n_clusters - 1 if seeding else self.max_iter
            self.bar = tqdm(total=total, desc=run + stats.phase, unit="center" if seeding else "it", leave=True)
        self.bar.update(1)
        self.bar.set_postfix_str(f"inertia {stats.inertia:.6g}", refresh=False)
        return None if self.callback is None else self.callback(stats)

    def close(self):
        """End the bar under way."""
        for bar in (self.reading, self.bar):
            if bar is not None:
                bar.close()
        self.bar = self.reading = None
