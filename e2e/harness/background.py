"""Something that goes on beside a test, from the beginning of a `with` to its end."""

import threading


class Background:
    """What it does is `_run`, until `stopping` is set."""

    def __init__(self):
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self._end()
        self.thread.join()

    def _end(self):
        """Wakes what waits for something else than `stopping`."""
