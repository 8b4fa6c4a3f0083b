"""Listen to the default microphone for some seconds; keep the estimates and the audio they were made from.

Usage: listen_and_keep.py BUNDLE FOLDER SECONDS. Prints "listening" when the first audio has come.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np

from edge_app.app import open_pipeline, session_info
from edge_app.audio.microphone import Microphone
from edge_app.audio.source import Deliver, Notify, ignore
from edge_app.bundle import load_bundle
from edge_app.core.records import EndReason
from edge_app.core.smoothing import SMOOTHING_OFF
from edge_app.core.types import AudioBlock
from edge_app.session import Session
from edge_app.settings import PipelineSettings
from edge_app.sinks import make_sink
from edge_app.sinks.files import OutputFile


class KeptMicrophone:
    """The microphone, with everything that it delivers kept."""

    realtime = True

    def __init__(self) -> None:
        self._microphone = Microphone()
        self.description = self._microphone.description
        self.blocks: list[AudioBlock] = []

    def run(self, deliver: Deliver, stop: threading.Event, notify: Notify = ignore) -> EndReason:
        def keep(block: AudioBlock) -> None:
            if not self.blocks:
                print("listening", flush=True)
            self.blocks.append(block)
            deliver(block)

        return self._microphone.run(keep, stop, notify)


def main(bundle_path: str, folder: Path, duration: float) -> None:
    bundle = load_bundle(bundle_path)
    settings = PipelineSettings(vad="none", smoothing=SMOOTHING_OFF)
    source = KeptMicrophone()
    stop = threading.Event()
    with OutputFile(folder / "live.jsonl") as file:
        sinks = [make_sink("jsonl", file.write_line)]
        session = Session(open_pipeline(settings, bundle), source, session_info(settings, bundle, source), sinks)
        threading.Timer(duration, stop.set).start()
        session.run(stop)
    np.savez(
        folder / "kept.npz",
        starts=[block.start for block in source.blocks],
        samples=np.concatenate([block.samples for block in source.blocks]),
        lengths=[len(block.samples) for block in source.blocks],
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), float(sys.argv[3]))
