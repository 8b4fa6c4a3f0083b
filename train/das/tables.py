"""The papers' tables in Markdown, ours beside theirs, from the figures of one study or several."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from train.das.protocol import HELD_OUT, SVC_SUPERVISED, SVC_TRANSFER, TASKS, VARIANTS, Record
from train.das.published import PUBLISHED

DAES = tuple(name for name in VARIANTS if name.startswith("DAE"))
VAES = tuple(name for name in VARIANTS if name.startswith("VAE"))
ACCESS_NAMES = {
    "none": "none",
    "unlabelled": "20 %, without labels",
    "labelled": "20 %, with labels",
}

Figures = dict[str, dict[str, dict[str, dict[str, list[float | None]]]]]
"""Mean and deviation by variant, access, corpus and measure."""

PAGE = """\
# Latent spaces of under 400 numbers, reproduced

Das et al. trained a denoising autoencoder, a variational one and their kin on eGeMAPS functionals of whole utterances
and read the latent space with a linear support vector machine (*Towards Transferable Speech Emotion Representation*,
ICASSP 2022; *Continuous Metric Learning for Transferable Speech Emotion Recognition*, NLDL 2022). Here are their tables
with corpora at hand, in five folds, mean ± deviation, and theirs in brackets where they have the same cell ("held out"
is IEMOCAP there). Written by `edge-ser reproduce das`; the figures are in [`results`](results).

What differs, and what they leave open:

- They trained on IEMOCAP, with rated activation and valence. Here both are *mapped* from the category to the published
  mean rating of its word, unless a corpus has ratings.
- The fifth of the training corpora that is judged has speakers of its own. Transfer corpora are cut by chance; where a
  fifth of one is seen, its speakers are on both sides.
- Functionals are standardised by each corpus's own statistics (`--normalise corpus`), which no device has before it has
  heard its wearer, or by those of the training rows (`--normalise training`).
- Encoders are one affine layer to four numbers, decoders one back. All losses weigh 1, the noise on a DAE's input has a
  deviation of 0.3, and the KL weight rises in the first half of each of four cycles: set once, not searched.
- The reconstruction error is the mean over the functionals. That was decided on first figures: with the sum over 88 the
  metric losses changed next to nothing, which is not what they report.

Nothing shipped was chosen by these figures. `urdu` is a test corpus; encoders that saw a fifth of it exist in this
study only.

"""

MEASURES = """\
## What is measured

- R²: adjusted squared correlation of the label with its least-squares fit on the latent, within the judged utterances.
- Distance R²: of the distance between two utterances' latents on that between their labels, over random pairs.
- N-S-A and N-S-H-A: balanced accuracy for neutral, sadness, (happiness,) anger of a linear support vector machine that
  was fitted to the latents and labels of the training corpora; with labels of a fifth of the transfer corpora, to them
  too. The supervised SVC reads the 88 functionals and is trained and tested within a corpus, five folds by chance; the
  transferred one is trained on the training corpora.
- Rank correlation: Spearman's, of activation with the place along the axis in which the training latents vary most,
  pointed at high activation by the training labels.
- Overlap: the area under both histograms (32 bins) of a latent number in the training corpora and in the other, mean
  over the four: 1 is the same distribution.
"""


def collect(records: Iterable[Record]) -> Figures:
    """Mean and deviation over the folds; None where a measure is not defined in any."""
    cells: dict[tuple[str, str, str, str], list[float]] = {}
    for variant, access, corpus, measure, value in records:
        cells.setdefault((variant, access, corpus, measure), []).append(value)
    figures: Figures = {}
    for key, values in cells.items():
        variant, of_access, corpus, measure = key
        known = [value for value in values if not math.isnan(value)]
        mean = sum(known) / len(known) if known else None
        deviation = math.sqrt(sum((v - mean) ** 2 for v in known) / len(known)) if mean is not None else None
        cell = [None if each is None else round(each, 4) for each in (mean, deviation)]
        figures.setdefault(variant, {}).setdefault(of_access, {}).setdefault(corpus, {})[measure] = cell
    return figures


def render_page(studies: Sequence[Mapping[str, Any]]) -> str:
    """The page on one study or several, each as written to JSON."""
    return PAGE + "\n".join(_study(study) for study in studies) + "\n" + MEASURES


def _study(study: Mapping[str, Any]) -> str:
    figures, transfer = study["figures"], study["transfer"]
    corpora = [HELD_OUT, *transfer]
    limit = f"\n{study['notice']}.\n" if study.get("notice") else ""
    picture = f"\n![Latent spaces]({study['picture']})\n" if study.get("picture") else ""
    return f"""\
## Features: {study["features"]}; standardised by {study["normalisation"]}

Trained on {" and ".join(study["training"])}.
{limit}
### R² of the label on the latent, denoising autoencoders

{_table(figures, DAES, corpora, ("R2-act", "R2-val"), ("activation", "valence"), tuple(ACCESS_NAMES))}

### Distance R², denoising autoencoders

{_table(figures, DAES, corpora, ("distance-R2-act", "distance-R2-val"), ("activation", "valence"), ("none",))}

### Balanced accuracy

{_table(figures, (SVC_SUPERVISED, SVC_TRANSFER, *VARIANTS), corpora, tuple(TASKS), tuple(TASKS), tuple(ACCESS_NAMES))}

### Rank correlation with activation, and overlap with the training corpora

{_table(figures, VARIANTS, corpora, ("rho-act", "overlap"), ("rank", "overlap"), tuple(ACCESS_NAMES))}
{picture}"""


def _table(
    figures: Figures,
    variants: Iterable[str],
    corpora: Sequence[str],
    measures: Sequence[str],
    titles: Sequence[str],
    accesses: Sequence[str],
) -> str:
    header = ["", "transfer data seen", *(f"{corpus}: {title}" for corpus in corpora for title in titles)]
    lines = [header, ["---"] * len(header)]
    for variant in variants:
        for access in accesses:
            found = figures.get(variant, {}).get(access)
            if found is None:
                continue
            cells = [
                _cell(found.get(corpus, {}).get(measure), (variant, access, corpus, measure))
                for corpus in corpora
                for measure in measures
            ]
            lines.append([variant, ACCESS_NAMES[access], *cells])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _cell(found: Sequence[float | None] | None, key: tuple[str, str, str, str]) -> str:
    if found is None or found[0] is None or found[1] is None:
        return "–"
    theirs = PUBLISHED.get(key)
    beside = f" ({theirs[0]:.2f} ± {theirs[1]:.2f})" if theirs else ""
    return f"{found[0]:.2f} ± {found[1]:.2f}{beside}"
