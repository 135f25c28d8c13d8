"""A progress bar over a fit: one bar for seeding and iterations, on stderr."""

from tqdm import tqdm


class ProgressBar:
    """A callback that shows where a fit is; calls the user's own callback, if any, and passes on its answer."""

    def __init__(self, n_clusters, max_iter, n_init, callback=None):
        self.n_clusters, self.max_iter, self.n_init, self.callback = n_clusters, max_iter, n_init, callback
        self.bar = None
        self.phase = None

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
        if self.bar is not None:
            self.bar.close()
            self.bar = None
