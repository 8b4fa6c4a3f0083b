"""The one place where concrete parts are wired together: bundle, detector, engine, source and sinks."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace

from edge_app.audio.source import AudioSource
from edge_app.bundle import ModelBundle, load_bundle
from edge_app.core.baseline import BaselineStage
from edge_app.core.records import SessionEnd, SessionInfo
from edge_app.core.snr import SnrMeter
from edge_app.core.types import samples, seconds
from edge_app.core.wearer import AdaptiveBaseline, enrolled_baseline
from edge_app.core.windows import WindowSpec
from edge_app.demo import CLIP, DESCRIPTION
from edge_app.enrolled import find_wearer
from edge_app.errors import AudioDeviceError, BaselineError, ConfigurationError
from edge_app.interrupts import stop_on_signals
from edge_app.pipeline import DecisionSettings, Pipeline, WindowStream
from edge_app.runtime.state import StateSpec
from edge_app.session import Session
from edge_app.settings import Interface, ListenSettings, PipelineSettings
from edge_app.sinks import Sink, make_sink
from edge_app.sinks.files import OutputFile, refuse_overwriting, write_stderr, write_stdout
from edge_app.sinks.jsonl import JsonLines
from edge_app.sinks.plain import PlainLines, Warnings, summary
from edge_app.vad import make_detector

STDIN = "-"


def open_pipeline(settings: PipelineSettings | None = None, bundle: ModelBundle | None = None) -> Pipeline:
    """Build the pipeline of a bundle, ready to be fed.

    Args:
        settings: how audio becomes estimates; None takes the default bundle and settings.
        bundle: a bundle that is loaded already; None loads the one that the settings name.

    Raises:
        BundleError: the bundle is missing or damaged, or has no such variant.
        BaselineError: the wearer's baseline is missing, damaged, or of other features.
        ConfigurationError: a setting has an impossible value.
    """
    settings = settings or PipelineSettings()
    bundle = bundle or load_bundle(settings.model)
    _, model = bundle.variant_path(settings.variant)
    state = model_state(bundle, settings.memory)
    spec = _window_spec(settings, bundle)
    windows = WindowStream(bundle.make_extractor(), make_detector(settings.vad), spec, meter=SnrMeter())
    baseline = make_baseline(bundle, settings.baseline)

    from edge_app.runtime.onnx import open_predictor  # takes 74 ms and 44 MB, after all that can be wrong before it

    return Pipeline(
        windows,
        baseline,
        open_predictor(model, state),
        bundle.labels,
        bundle.dimensions,
        settings.smoothing,
        DecisionSettings(
            min_speech=bundle.min_speech if settings.min_speech is None else settings.min_speech,
            min_confidence=bundle.min_confidence,
            min_snr=bundle.min_snr,
        ),
    )


def model_state(bundle: ModelBundle, memory: float | None) -> StateSpec | None:
    """The state of a bundle's model, looking back so many seconds; None takes the bundle's own choice.

    Raises:
        ConfigurationError: it is out of range, or the model has no state.
    """
    if memory is None:
        return bundle.state
    if bundle.state is None:
        raise ConfigurationError(f"--memory {memory:g}: {bundle.name} reads each window afresh; leave it out")
    return replace(bundle.state, memory=memory)


def make_baseline(bundle: ModelBundle, wanted: str | None = None) -> BaselineStage:
    """The stage that standardises a bundle's features.

    Args:
        bundle: the bundle.
        wanted: ``none``, ``adaptive``, the name of an enrolled baseline or its file; None takes the bundle's choice.

    Raises:
        BaselineError: the enrolled baseline is missing, damaged, or of other features.
    """
    wanted = bundle.wearer.default if wanted is None else wanted
    if wanted == "none":
        return bundle.baseline
    if wanted == "adaptive":
        return AdaptiveBaseline(bundle.baseline, bundle.wearer.adaptive)
    wearer = find_wearer(wanted)
    statistics = wearer.of(bundle.feature_digest, bundle.window.length)
    if statistics is None or statistics.mean.shape != bundle.baseline.mean.shape:
        raise BaselineError(
            f"the baseline {wanted!r} of {wearer.date} has no statistics of the features of {bundle.name} (digest "
            f"{bundle.feature_digest[:12]}); run edge-ser enroll --force --name {wearer.name} --model {bundle.name}"
        )
    enrolled = enrolled_baseline(bundle.baseline, statistics, bundle.wearer)
    return AdaptiveBaseline(enrolled, bundle.wearer.adaptive, bundle.baseline)


def session_info(
    settings: PipelineSettings, bundle: ModelBundle, source: AudioSource, demo: bool = False
) -> SessionInfo:
    """What sinks are told when a session of these parts begins."""
    spec = _window_spec(settings, bundle)
    baseline = settings.baseline or bundle.wearer.default
    state = model_state(bundle, settings.memory)
    return SessionInfo(
        model=bundle.name,
        variant=bundle.variant_path(settings.variant)[0],
        labels=bundle.labels,
        dimensions=bundle.dimensions,
        window=seconds(spec.length),
        hop=seconds(spec.hop),
        source=source.description,
        demo=demo,
        mapped=bundle.mapped,
        baseline=None if baseline == "none" else baseline,
        memory=None if state is None else state.memory,
    )


def make_source(settings: ListenSettings, device: str | None = None) -> tuple[AudioSource, bool]:
    """The source a session listens to, and whether it is the demo because there is no microphone.

    Args:
        settings: the session's settings.
        device: a microphone to take instead of what the settings name.

    Raises:
        AudioFormatError: the file or standard input is not audio.
        AudioDeviceError: the named device is not there, or nobody named one and it cannot be opened.
        ConfigurationError: the settings contradict each other.
    """
    if device is None and settings.source is not None:
        if settings.device is not None:
            raise ConfigurationError("--device names a microphone and --input something else; give one of them")
        return _recorded(settings.source, settings), False

    from edge_app.audio.microphone import Microphone

    wanted = device or settings.device
    try:
        return Microphone(wanted, settings.channel), False
    except AudioDeviceError as error:
        if wanted is not None:
            raise
        write_stderr(f"edge-ser: {error}. Playing the demo clip instead; --input FILE listens to a file.")
        return _demo(), True


def make_sinks(ui: Interface) -> list[Sink]:
    """The sinks that show a session on standard output and standard error; none for the terminal interface."""
    if ui == "tui":
        return []
    if ui == "jsonl":
        return [JsonLines(write_stdout), Warnings(write_stderr)]
    return [PlainLines(write_stdout)]


def make_file_sinks(file: OutputFile | None) -> list[Sink]:
    """The sink of ``--output``: a table where the file's name ends in ``.csv``, else JSON lines."""
    if file is None:
        return []
    return [make_sink("csv" if file.path.suffix == ".csv" else "jsonl", file.write_line)]


def choose_interface(settings: ListenSettings) -> Interface:
    """The interface that was asked for, or the one that suits the source and where standard output goes."""
    if settings.ui is not None:
        return settings.ui
    if not sys.stdout.isatty():
        return "jsonl"
    live = settings.source is None or (settings.realtime and settings.source != STDIN)
    return "tui" if live and sys.stdin.isatty() else "plain"


def listen(settings: ListenSettings) -> None:
    """Listen until the source ends or the user has had enough.

    Raises:
        EdgeSerError: something is wrong that the user can mend.
        BrokenPipeError: the reader of standard output has gone.
    """
    ui = choose_interface(settings)
    if settings.output is not None and settings.source not in (None, STDIN):
        refuse_overwriting(settings.output, [settings.source])
    bundle = load_bundle(settings.pipeline.model)
    pipeline = open_pipeline(settings.pipeline, bundle)
    with contextlib.ExitStack() as opened:
        file = opened.enter_context(OutputFile(settings.output)) if settings.output else None
        written = make_file_sinks(file)

        def open_session(device: str | None, sinks: Sequence[Sink]) -> Session:
            source, demo = make_source(settings, device)
            info = session_info(settings.pipeline, bundle, source, demo)
            return Session(pipeline, source, info, [*written, *sinks])

        if ui == "tui":
            end = _listen_on_screen(open_session)
            if end is not None:
                write_stdout(summary(end))
        else:
            session = open_session(None, make_sinks(ui))
            with stop_on_signals() as stop:
                session.run(stop)


def _listen_on_screen(open_session: Callable[[str | None, Sequence[Sink]], Session]) -> SessionEnd | None:
    from edge_app.tui.app import run_tui
    from edge_app.tui.screens import DeviceChoice

    def devices() -> list[DeviceChoice]:
        from edge_app.audio.microphone import list_devices

        return [DeviceChoice(str(device.number), device.name) for device in list_devices()]

    return run_tui(open_session, devices)


def _recorded(source: str, settings: ListenSettings) -> AudioSource:
    if source != STDIN:
        from edge_app.audio.file import FileSource

        return FileSource(source, settings.realtime, channel=settings.channel)
    if settings.channel is not None:
        raise ConfigurationError(f"--channel {settings.channel}: standard input is mono; leave it out")
    if settings.realtime:
        raise ConfigurationError("--realtime is for files: standard input comes at the pace of its writer")

    from edge_app.audio.stdin import StdinSource

    return StdinSource()


def _demo() -> AudioSource:
    from edge_app.audio.file import FileSource

    source = FileSource(CLIP, realtime=True)
    source.description = DESCRIPTION
    return source


def _window_spec(settings: PipelineSettings, bundle: ModelBundle) -> WindowSpec:
    hop = bundle.window.hop if settings.hop is None else samples(settings.hop)
    return WindowSpec(bundle.window.length, hop)
