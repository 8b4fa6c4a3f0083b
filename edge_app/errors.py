"""The errors a user can meet.

The command line catches :class:`EdgeSerError` and nothing else: it prints one line on standard error and exits
with 2. Any other exception is a bug and shows its traceback.

    EdgeSerError
    ├── AudioDeviceError      no microphone, a device that cannot be opened or that vanished
    │   └── PortAudioMissing  the system library is not installed
    ├── AudioFormatError      a file or stream that is not the audio it claims to be
    ├── BundleError           a model folder that is missing, incomplete or of another schema
    │   ├── ChecksumError     a file of the bundle is not the one its manifest describes
    │   └── FeatureMismatch   the bundle was trained on features that this version does not compute
    ├── BaselineError         a wearer's baseline that is missing, damaged, or of other features; nothing to enrol
    ├── CollectionError       collected features that are missing, damaged or of other features; nothing to collect
    ├── BackendMissing        an optional package is not installed; says which extra brings it
    ├── CorpusError           a corpus whose layout or labels are not the published ones
    ├── ConfigurationError    a setting or training file with a wrong value
    ├── TrainingError         training that cannot go on, such as a loss that is no number
    ├── ParityError           an exported model that does not agree with the one it came from
    └── OutputError           results that cannot be written (disk full, no permission)
"""

from __future__ import annotations


class EdgeSerError(Exception):
    """Base of all errors that are not bugs. The text is one line: what is wrong and what to do."""


class AudioDeviceError(EdgeSerError):
    """No microphone, one that cannot be opened, or one that vanished."""


class PortAudioMissing(AudioDeviceError):
    """The system library PortAudio is not installed."""


class AudioFormatError(EdgeSerError):
    """A file or stream that is not the audio it claims to be."""


class BundleError(EdgeSerError):
    """A model bundle that is missing, incomplete, or of a schema this version does not read."""


class ChecksumError(BundleError):
    """A file of a bundle whose SHA-256 differs from the one in ``bundle.json``."""


class FeatureMismatch(BundleError):
    """A bundle trained on features that this version does not compute."""


class BaselineError(EdgeSerError):
    """A wearer's baseline that is missing, damaged, of other features, or that cannot be made from this speech."""


class CollectionError(EdgeSerError):
    """Collected features that are missing, damaged or of other features, or that cannot be collected from this."""


class BackendMissing(EdgeSerError):
    """An optional package is not installed; the text says which extra brings it."""


class CorpusError(EdgeSerError):
    """A corpus folder or manifest whose layout or labels are not the expected ones."""


class ConfigurationError(EdgeSerError):
    """A setting or configuration file with a missing or impossible value."""


class TrainingError(EdgeSerError):
    """Training that cannot go on; the text says what of it is kept."""


class ParityError(EdgeSerError):
    """An exported or quantised model that does not agree closely enough with the one it came from."""


class OutputError(EdgeSerError):
    """Results that cannot be written: a full disk, a missing folder, no permission."""
