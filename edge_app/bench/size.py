"""How large a bundle is on disk."""

from __future__ import annotations

from collections.abc import Iterator

from edge_app.bench.figures import Figure, Subject
from edge_app.bundle import load_bundle

KILOBYTE = 1e3


def measure_size(subject: Subject) -> Iterator[Figure]:
    """Bytes of the bundle with each variant alone."""
    bundle = load_bundle(subject.model)
    files = {path.name: path.stat().st_size for path in bundle.path.iterdir() if path.is_file()}
    for name in sorted(bundle.variants, reverse=True):
        others = {variant.file for other, variant in bundle.variants.items() if other != name}
        size = sum(size for file, size in files.items() if file not in others)
        yield Figure(f"size_{name}", f"bundle on disk, {name}", "KB", size / KILOBYTE)
