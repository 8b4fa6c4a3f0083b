"""The live path: a thread that runs the pipeline behind a queue that never grows past a fixed length of audio."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable

from edge_app.core.records import Notice
from edge_app.core.types import AudioBlock, Estimate, samples, seconds
from edge_app.counted import counted
from edge_app.pipeline import Pipeline

CAPACITY = 2.0
NOTICE_INTERVAL = 5.0


class LiveWorker:
    """Runs a pipeline in a thread of its own.

    A pipeline that is too slow catches up by losing the oldest audio: positions stay true, because a block says where
    it starts, and the pipeline begins anew after a gap.

    Args:
        pipeline: what estimates; only the worker's thread touches it until :meth:`close` returns.
        on_estimates: takes the estimates of each block, in the worker's thread.
        on_notice: takes warnings with figures, at most one every five seconds, in the worker's thread.
        capacity: seconds of audio that may wait.

    Attributes:
        dropped: blocks that were lost so far.
        failed: the pipeline or a callback raised; :meth:`close` raises that error again.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        on_estimates: Callable[[list[Estimate]], None],
        on_notice: Callable[[Notice], None],
        capacity: float = CAPACITY,
    ) -> None:
        self.dropped = 0
        self.failed = False
        self._pipeline = pipeline
        self._on_estimates = on_estimates
        self._on_notice = on_notice
        self._capacity = samples(capacity)
        self._blocks: deque[AudioBlock] = deque()
        self._waiting = 0
        self._newest = 0
        self._done = 0
        self._closing = False
        self._error: BaseException | None = None
        self._told_dropped = 0
        self._told_at = -NOTICE_INTERVAL
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="edge-ser worker", daemon=True)
        self._thread.start()

    @property
    def lag(self) -> float:
        """Seconds between the newest audio taken in and the audio estimated."""
        return seconds(max(0, self._newest - self._done))

    @property
    def waiting(self) -> float:
        """Seconds of audio in the queue, at most the capacity."""
        return seconds(self._waiting)

    def submit(self, block: AudioBlock) -> None:
        """Queue a block and return at once. When the queue is full the oldest blocks make room."""
        with self._changed:
            self._blocks.append(block)
            self._waiting += len(block.samples)
            self._newest = block.end
            while self._waiting > self._capacity and len(self._blocks) > 1:
                self._waiting -= len(self._blocks.popleft().samples)
                self.dropped += 1
            self._changed.notify()

    def close(self) -> None:
        """Estimate what waits, flush the pipeline and end the thread.

        Raises:
            BaseException: whatever the pipeline or a callback raised in the thread.
        """
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()
        if self._error is not None:
            error, self._error = self._error, None
            raise error

    def _run(self) -> None:
        try:
            while (block := self._next()) is not None:
                self._on_estimates(self._pipeline.feed(block))
                self._done = block.end
                self._tell()
            self._on_estimates(self._pipeline.flush())
        except BaseException as error:  # carried to the thread that closes
            self._error = error
            self.failed = True

    def _next(self) -> AudioBlock | None:
        with self._changed:
            while not self._blocks and not self._closing:
                self._changed.wait()
            if not self._blocks:
                return None
            block = self._blocks.popleft()
            self._waiting -= len(block.samples)
            return block

    def _tell(self) -> None:
        dropped, lag, now = self.dropped, self.lag, time.monotonic()
        behind = dropped > self._told_dropped or samples(lag) > self._capacity // 2
        if not behind or now - self._told_at < NOTICE_INTERVAL:
            return
        lost = dropped - self._told_dropped
        self._told_at, self._told_dropped = now, dropped
        what = f"{counted(lost, 'block')} dropped"
        self._on_notice(Notice("warning", f"{lag:.1f} s behind real time, {what}: this machine is slow"))
