"""The page on the experiment in Markdown, ours beside theirs, from the figures of one study or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from edge_app.core.labels import DIMENSIONS
from train.dln.experiment import ADAPTED, CONDITIONS, DECOUPLED, DENSE, LADDER, NETS
from train.dln.figures import NOISE, PAIRS, UAR
from train.dln.published import PUBLISHED, TRIALS

NAMES = {
    DENSE: "dense net",
    ADAPTED: "dense net, normalised there",
    LADDER: "ladder",
    DECOUPLED: "decoupled ladder",
}

PAGE = f"""\
# Noise, and the decoupled ladder network

Leem, Fulford, Onnela, Gard and Busso (*Separation of Emotional and Reconstruction Embeddings on Ladder Network to
Improve Speech Emotion Recognition Robustness in Noisy Conditions*, Interspeech 2021) let a net that learns emotion from
clean labelled speech reconstruct unlabelled speech from the noisy place that it is meant for. Here is their experiment
with the corpora at hand. Figures in brackets are theirs, means of {TRIALS} trials on MSP-Podcast. Written by
`edge-ser reproduce dln`; the figures are in [`results`](results).

What is alike:

- One partition of speakers for all trials; trials differ in weights and draws. Labelled speech is clean.
- The ladders see unlabelled speech of the condition that is judged, of speakers who neither train nor are judged. The
  dense net cannot use it. All three have the same layers, noise in training, and schedule.
- Loss: the sum of 1 - CCC over arousal, valence and dominance, plus the weighted reconstruction errors of all layers.

What differs:

- Small corpora of acted emotion in three languages, and dimensions *mapped* from the category to the published mean
  rating of its word, unless a corpus has ratings. Theirs are 113 hours of rated podcasts.
- Recordings are simulated unless it says "recorded": the utterance cut to speech, and a radio (up to three voices over
  recorded sounds), each through an image-source room at the paper's distances to a phone of limited band and any gain,
  at the ratios that the paper estimated (11.06, 4.34, 0.15 dB over speech). What is unlabelled and what is judged
  share neither rooms nor voices nor sounds.
- Batches with and without labels are normalised each by its own moments, and in evaluation a ladder normalises by the
  moments of the unlabelled speech. "Dense net, normalised there" is the dense net with nothing but that.
- The classes (neutral, happiness, sadness, anger) are told by logistic regression on the embedding, fitted to the clean
  labelled speech.
- Layers, noise, weights and schedule ([`dln-study.toml`](../train/configs/dln-study.toml)) were chosen by hand on the
  development speakers (`--judge development`), who are judged nowhere below.

In square brackets: 95 % intervals from resampling the judged speakers. Differences are of pairs within trials, p of a
paired t-test over trials, which tells nets from chance in their weights; whether other speakers would agree, the
interval tells.

"""


ANALYSIS = """\
Reconstruction embedding / emotion embedding. The paper feeds the emotion embedding to the top of the decoder, which was
trained for the other, and finds a larger error; for this both must have as many units. The variance told is fairer to
it: the share of the functionals' variance that is linear in an embedding, fitted to the unlabelled speech and measured
on the judged."""


def render_page(studies: Sequence[Mapping[str, Any]]) -> str:
    """The page on one study or several, each as written to JSON."""
    return PAGE + "\n".join(map(_study, studies))


def _study(study: Mapping[str, Any]) -> str:
    kind = f"{study['features']}{', recorded' if study['recorded'] else ''}"
    limit = f"\n{study['notice']}.\n" if study.get("notice") else ""
    roles = "; ".join(
        f"{role}: {len(found['speakers'])} speakers, {found['utterances']:,} utterances"
        for role, found in study["roles"].items()
    )
    digest = f" Digest of the features: `{study['digest'][:12]}`." if study["digest"] else ""
    mapped = " (mapped)" if study["mapped"] else ""
    tables = "\n\n".join(
        f"### CCC of {name}{mapped}\n\n{_means(study, name)}"
        if name != UAR
        else f"### UAR, 4 classes\n\n{_means(study, name)}"
        for name in (*DIMENSIONS, UAR)
    )
    return f"""\
## Features: {kind}

{study["trials"]} trials. {roles}.{digest}
{limit}
{tables}

### Differences, mean over 10, 5 and 0 dB

{_differences(study)}

### The two embeddings of the decoupled ladder

{_analysis(study)}
"""


def _means(study: Mapping[str, Any], measure: str) -> str:
    header = ["", *(condition.replace("dB", " dB") for condition in CONDITIONS), "mean of 10, 5, 0 dB"]
    lines = [header, ["---"] * len(header)]
    for net in NETS:
        cells = [NAMES[net]]
        theirs = PUBLISHED.get((net, measure))
        for condition in (*CONDITIONS, NOISE):
            found = study["means"][net][measure][condition]
            low, high = found["interval"] or (None, None)
            cell = f"{found['mean']:.3f}" + (f" [{low:.2f}, {high:.2f}]" if low is not None else "")
            if theirs:
                noisy = [value for name, value in theirs.items() if name != CONDITIONS[0]]
                cell += f" ({theirs[condition] if condition in theirs else sum(noisy) / len(noisy):.3f})"
            cells.append(cell)
        lines.append(cells)
    return _table(lines)


def _differences(study: Mapping[str, Any]) -> str:
    header = ["", *(f"CCC {name}" for name in DIMENSIONS), "UAR"]
    lines = [header, ["---"] * len(header)]
    for one, other in PAIRS:
        cells = [f"{NAMES[one]} minus {NAMES[other]}"]
        for measure in (*DIMENSIONS, UAR):
            found = study["differences"][f"{one} - {other}"][measure][NOISE]
            low, high = found["interval"] or (float("nan"), float("nan"))
            p = f", p = {found['p']:.2g}" if found["p"] is not None else ""
            cells.append(f"{found['mean']:+.3f} [{low:+.2f}, {high:+.2f}]{p}")
        lines.append(cells)
    return _table(lines)


def _analysis(study: Mapping[str, Any]) -> str:
    layers = len(next(iter(study["analysis"].values()))["reconstruction"])
    names = ["functionals", *(f"hidden layer {number}" for number in range(1, layers))]
    header = ["", *(f"error of {name}, from either embedding" for name in names), "functionals' variance told"]
    lines = [header, ["---"] * len(header)]
    for condition, found in study["analysis"].items():
        if "emotion" in found:
            cells = [f"{a:.3f} / {b:.3f}" for a, b in zip(found["reconstruction"], found["emotion"], strict=True)]
        else:
            cells = [f"{a:.3f} / –" for a in found["reconstruction"]]
        told = f"{found['reconstruction told'][0]:.2f} / {found['emotion told'][0]:.2f}"
        lines.append([condition.replace("dB", " dB"), *cells, told])
    return f"{ANALYSIS}\n\n{_table(lines)}"


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
