"""The demo clip: a few synthetic sentences that play where there is no microphone."""

from __future__ import annotations

from pathlib import Path

CLIP = Path(__file__).parent / "assets" / "demo.opus"
DESCRIPTION = "demo clip"
