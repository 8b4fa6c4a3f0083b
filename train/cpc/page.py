"""The page on the study in Markdown, ours beside theirs, from the figures of one study or several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from train.cpc.figures import MEASURES, UAR
from train.cpc.published import COLUMNS, IEMOCAP, MSP_PODCAST
from train.cpc.study import SETTINGS

SIGNIFICANT = 0.05
HOPED = 0.02

PAGE = """\
# Contrastive predictive coding with an attention recogniser

Li, Yang, Levy, Stolcke, Rozgic, Matsoukas, Papayiannis, Bone and Wang (*Contrastive Unsupervised Learning for Speech
Emotion Recognition*, ICASSP 2021) let an encoder learn from speech without labels by predicting what comes, and a
recogniser with multi-head self-attention learn emotion from its contexts. Here is their comparison with the corpora at
hand. Written by `edge-ser reproduce cpc`; the figures are in [`results`](results).

## The net

- f: four frames of log-mel (64 ms) become a step, by a convolution over them, and three steps a latent z of 128
  numbers, each time with layer normalisation and ReLU. g: a GRU with 128 units reads the latents so far into a
  context c. Both only look back.
- h_k: one linear map for each k of 1 to 8 steps (64 to 512 ms) ahead. InfoNCE tells the true latent from 64 others,
  half of them of the same utterance, half of the others in the batch (`[cpc] negatives = "utterance"`, `"batch"` or
  `"mixed"`), drawn once for each utterance. One and two steps ahead a latent shares frames with what was heard
  already, so the first two are easy; the others are what it learns from.
- The recogniser: four heads of scaled dot-product self-attention over the contexts, `u = [mean(U); std(U)]`, a dense
  layer to arousal, valence and dominance with the loss `1 - a CCC_act - b CCC_val - (1 - a - b) CCC_dom`, and four
  classes from the same u by cross-entropy.

## Pre-training

```sh
edge-ser pretrain cpc-librispeech               # [data] unlabelled: corpora, manifests, folders of any size
edge-ser pretrain cpc-librispeech --resume      # after it was broken off; with another configuration it is refused
edge-ser pretrain cpc-librispeech --devices 4   # four processes (DDP) that hear different recordings
edge-ser train cpc-attention                    # [cpc] pretrained = "runs/cpc-librispeech"
```

A folder is walked while it is heard, never listed as a whole. Recordings that cannot be read are skipped, counted, and
listed in `broken.txt`. A loss or gradient that is no number ends the run and names its batch; the last good checkpoint
stays. Throughput counts the audio in the stretches that were trained on, against the time that reading, features and
training took; recordings that were heard before come from memory.

A bundle may be passed on as far as everything that was heard allows. A manifest states licences in a column, a folder
in the first line of a file `LICENCE` in it: `CC0-1.0`, `CC-BY-4.0`, `CC-BY-NC-4.0` or `CC-BY-NC-SA-4.0`. What is not
stated, or another licence, is taken as research only. `pretrain --resume` of what is finished takes up a licence that
was stated since.

## On the device

A bundle of this net is *stateful*: it declares the tensors that its graph carries from hop to hop (what f and g
remember, and a ring of contexts), and the runtime hands them on. Every hop of 0.25 s computes its own 15 or 16 frames
and nothing twice; attention and pooling read the contexts of the last 4 s, or of 2 to 10 with `--memory`. What it says
is what the net says of the whole recording at once, within 1e-5 for any block sizes. Silence is heard, too, but gets no
answer. Of the int8 variant the convolutions compute in integers; the matrices of GRU and attention are stored in 8
bits.

## What differs from the paper

- Their slides leave sizes, schedules and the details of the settings open; those above are ours.
- *Sup* here is the same net from fresh weights, so that what pre-training brings is all that differs. (Where the paper
  says "handcrafted features", its recogniser may have read those without an encoder.) *jointCPC* adds InfoNCE to the
  loss; *miniCPC* pre-trains on the training side's audio, *preCPC* on `librispeech` and `barista`: 2.6 hours, where the
  paper had LibriSpeech's 960. Encoder and GRU learn along in all four.
- The corpora are acted, and nobody rated them: dimensions are *mapped* from the category to the published mean rating
  of its word, so concordance says what classes say, on another scale. The corpus that is tested never trains.
- a and b are searched on the validation speakers, among all dimensions alike and one of them twice as heavy.

With `--seeds`, `--epochs` and `--pretraining-epochs` the study is as long as there is time for (five seeds, and the
epochs of [`cpc-study.toml`](../train/configs/cpc-study.toml) and
[`cpc-librispeech.toml`](../train/configs/cpc-librispeech.toml), unless told otherwise); each part below says how long
it was. Nets that are trained so briefly are far from what the front end allows: compare them with each other only.

IEMOCAP and MSP-Podcast have readers: who holds them repeats the paper's own setting with
`edge-ser reproduce cpc --corpus iemocap --protocol group-5`.

"""


def render_page(studies: Sequence[Mapping[str, Any]]) -> str:
    """The page on one study or several, each as written to JSON."""
    published = "\n".join(
        [
            "## The paper's tables\n",
            f"CCC on IEMOCAP\n\n{_published(IEMOCAP)}\n",
            f"CCC on MSP-Podcast\n\n{_published(MSP_PODCAST)}\n",
        ]
    )
    return PAGE + "\n".join(map(_study, studies)) + "\n" + published


def _study(study: Mapping[str, Any]) -> str:
    figures, heard = study["figures"], study["pretraining"]
    folds = ", ".join(f"{fold} ({count:,})" for fold, count in figures["utterances"].items())
    seeds, gain = len(figures["seeds"]), figures["gain"]
    mapped = " (mapped)" if study["mapped"] else ""
    rows = [
        (setting, *(_figure(figures["settings"][setting][measure]) for measure in MEASURES)) for setting in SETTINGS
    ]
    header = ("", *(f"CCC {name}{mapped}" for name in COLUMNS), "UAR, 4 classes")
    by_fold = [
        (setting, *(f"{value:.3f}" for value in figures["settings"][setting][UAR]["folds"].values()))
        for setting in SETTINGS
    ]
    weights = "; ".join(f"{fold}: {a:.2f}, {b:.2f}" for fold, (a, b) in figures["weights"].items())
    means: dict[str, dict[str, float]] = {
        measure: {str(setting): figures["settings"][setting][measure]["mean"] for setting in SETTINGS}
        for measure in ("average", UAR)
    }
    accuracy = ", ".join(f"{value:.3f}" for value in heard["accuracy"])
    apart = study["silhouette"]
    return f"""\
## {" and ".join(study["corpora"])}, {study["protocol"]}

Tested in turn, with the utterances of the four classes: {folds}.
Mean and deviation over {seeds} seed{"s" * (seeds > 1)}, of means over the tests; {study["steps"]} steps of
{study["batch"]} stretches for the recogniser, {study["pretraining_steps"]} of {study["pretraining_batch"]} for an
encoder. a and b as searched: {weights}.

{_table(header, rows)}

UAR by what is tested:

{_table(("", *figures["utterances"]), by_fold)}

From best to worst by mean CCC: {_order(means["average"])}; by UAR: {_order(means[UAR])}. In the paper, on IEMOCAP:
{_order({setting: published[0][0] for setting, published in IEMOCAP.items()})}.

preCPC over Sup: UAR {_signed(gain[UAR])}, mean CCC {_signed(gain["average"])}. {_verdict(gain[UAR])}

The encoder of preCPC heard {heard["hours"]:.1f} hours of stretches ({", ".join(heard["corpora"])}),
{heard["hours_per_hour"]:.0f} in an hour. Its validation accuracy 1 to {len(heard["accuracy"])} steps ahead: {accuracy};
chance is {heard["chance"]:.3f}.

t-SNE of its contexts before any label was seen, the mean of each utterance of {study["pictured"]}: by class and by
speaker. Their silhouettes, in all dimensions, are {apart["class"]:.3f} by class and {apart["speaker"]:.3f} by speaker
(1: apart, 0: not at all).

![t-SNE of contexts]({study["picture"]})
"""


def _verdict(gain: Mapping[str, Any]) -> str:
    if gain["p"] is None or gain["p"] >= SIGNIFICANT:
        return "Trainings differ as much by chance: whether preCPC gains anything here, these figures do not tell."
    if gain["mean"] >= HOPED:
        return f"That is at least the {HOPED:g} that were hoped for."
    return f"That is less than the {HOPED:g} that were hoped for."


def _order(values: Mapping[str, float]) -> str:
    """The settings from best to worst."""
    return ", ".join(sorted(values, key=lambda setting: -values[setting]))


def _figure(found: Mapping[str, Any]) -> str:
    return f"{found['mean']:.3f}" + ("" if found["deviation"] is None else f" ± {found['deviation']:.3f}")


def _signed(found: Mapping[str, Any]) -> str:
    text = f"{found['mean']:+.3f}" + ("" if found["deviation"] is None else f" ± {found['deviation']:.3f}")
    return text if found["p"] is None else f"{text} (p = {found['p']:g})"


def _published(table: Mapping[str, Sequence[tuple[float, float]]]) -> str:
    rows = [(setting, *(f"{mean:.3f} ± {deviation:.3f}" for mean, deviation in table[setting])) for setting in SETTINGS]
    return _table(("", *(f"CCC {name}" for name in COLUMNS)), rows)


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
