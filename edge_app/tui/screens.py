"""What opens over the interface: help and the choice of a device."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static
from textual.widgets.option_list import Option

HELP = """\
[b]keys[/b]
 p, space   pause and go on
 d          listen to another device
 ?, h       this help
 q, Ctrl-C  quit

[b]what is shown[/b]
Once per hop the model reads the last second of sound.
The label is a rolling one. [b]uncertain[/b]: no class is
likely enough. [b]no speech[/b]: nothing is claimed.
Arousal and valence lie in \\[-1, 1]. [b]mapped[/b] means
learnt from categories placed by published norms, not
from people rating these values.
[b]lag[/b]: sound that waits to be worked on.
[b]dropped[/b]: blocks of sound that were lost.

All of it is computed here; no sound leaves this device.
It guesses at a voice's expression. It does not know
what anybody feels, and it is not a diagnosis."""


class DeviceChoice(NamedTuple):
    """An input device: what to ask for it by, and what to call it on screen."""

    key: str
    name: str


class HelpScreen(ModalScreen[None]):
    """Keys, and what the words on screen mean."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,h,question_mark,enter,space", "dismiss", "Close", show=False)
    ]

    def compose(self) -> ComposeResult:
        """Lay out the text."""
        with VerticalScroll(classes="dialog") as dialog:
            dialog.border_title = "help"
            dialog.border_subtitle = "Esc closes"
            yield Static(HELP)


class DeviceScreen(ModalScreen[str | None]):
    """A list of devices. Gives the chosen one's key, None where nothing was chosen.

    Args:
        devices: what to choose from.
        current: key of the device in use.
    """

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q,d", "dismiss", "Close", show=False)]

    def __init__(self, devices: Sequence[DeviceChoice], current: str | None) -> None:
        super().__init__()
        self._devices = devices
        self._current = current

    def compose(self) -> ComposeResult:
        """Lay out the list."""
        with VerticalScroll(classes="dialog", can_focus=False) as dialog:
            dialog.border_title = "listen to"
            dialog.border_subtitle = "Enter chooses, Esc closes"
            yield OptionList(*(Option(self._prompt(device), device.key) for device in self._devices), markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Close with the choice."""
        self.dismiss(event.option.id)

    def _prompt(self, device: DeviceChoice) -> str:
        mark = "●" if device.key == self._current else " "
        return f"{mark} {device.name}"
