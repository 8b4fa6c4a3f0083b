"""The page on the experiment in Markdown, ours beside theirs, from the figures of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from edge_app.core.labels import DIMENSIONS
from train.deepcluster.experiment import ALONE, VARIANTS
from train.deepcluster.figures import PAIRS
from train.deepcluster.published import PUBLISHED

PAGE = """\
# DeepEmoCluster: emotion and clusters learnt together

Lin, Sridhar and Busso (*DeepEmoCluster: A Semi-Supervised Framework for Latent Cluster Representation of Speech
Emotions*, ICASSP 2021) let a CNN that learns arousal, dominance and valence tell, of each second of speech, which
cluster it belongs to; the clusters are found anew in every epoch, by K-means of the CNN's own embeddings. That part
needs no labels, so it can learn from speech that has none. Here is their experiment with the corpora at hand, written
by `edge-ser reproduce deepemocluster`; the figures are in
[`results/deepemocluster.json`](results/deepemocluster.json). The same training makes models for devices:
`edge-ser train deep-emo-cluster` ([its card](../models/deep-emo-cluster/MODEL_CARD.md)).

What is alike:

- 128 mel bands, frames of 32 ms every 16 ms. Chunks as of Lin and Busso (Interspeech 2020): an utterance of any length
  becomes C = ceil(T_max / w_c) = 11 chunks of w_c = 1 s, (T - w_c) / (C - 1) apart, T_max being 11 s. Chunks have the
  targets of their utterance, whose answer is the mean of theirs.
- Clusters are found anew in every epoch; stage I learns the clusters of chunks without labels, stage II learns
  (1 - CCC) + lambda x cross-entropy of the clusters, lambda = 1, on chunks with labels. Batches of 64; the weights of
  the least development loss are kept. K = 10, 20, 30.
- Baselines on the same trunk: regression alone, with an autoencoder, with a variational autoencoder.

What differs:

- Small corpora of acted emotion in three languages, and dimensions *mapped* from the category to the published mean
  rating of its word, unless a corpus has ratings. Theirs are 83 hours of rated podcasts, and 40,000 utterances more
  without labels. Compare rows, not the figures in brackets with ours.
- The trunk: {net}
  ([`{config}.toml`](../train/configs/{config}.toml)). VGG-16 whole is
  [`deepemocluster-vgg16.toml`](../train/configs/deepemocluster-vgg16.toml), `--config deepemocluster-vgg16`.
- One net answers all three attributes, by the mean of 1 - CCC.
- An epoch is {steps} batches of each stage, of chunks drawn at random, and those are clustered. There are at most
  {epochs} epochs, and {judged}, for an hour of one processor core;
  `--epochs`, `--seeds` and `--most 0` run it whole. {unfinished}
- Utterances are cut to speech first, for two of the corpora have long silences. One shorter than a chunk fills it by
  being repeated; one longer than T_max keeps the rule, so its chunks lie apart.
- What the paper leaves open is done as in its model, DeepCluster (Caron et al., ECCV 2018): principal components,
  whitened, of length 1; clusters weigh the same in the loss; the layer that tells them begins anew in each epoch. One
  that empties gets the farthest chunk (scikit-learn), and one that stays empty has no weight.

{roles}

## CCC on speakers who did not train ({targets})

{means}

{seeds}, and in square brackets the 95 % interval from resampling the
{speakers} judged speakers. In round brackets: theirs, on MSP-Podcast.

### Differences

{differences}

Of pairs with the same seed. p is of a paired t-test over seeds: it tells a variant from chance in its weights.
Whether other speakers would agree, the interval tells.

## What the clusters are about

{clusters}

Chunks of the judged speakers, sorted into the clusters of the embedding that K-means finds in the training speech
({reference} of them where a variant has none of its own), means over seeds. Purity is the share of chunks that have the
commonest name of their cluster; in brackets, what one cluster of everything would have. Mutual information is in nats,
normalised by the mean entropy, and *adjusted*, so that clusters that know nothing of a name have 0, however many there
are (Vinh, Epps and Bailey, JMLR 2010). {verdict}

![Emotions and speakers in each cluster]({picture})

Each bar is a cluster, from the lowest mean arousal of its chunks to the highest: emotions above, the people who speak
below. Left: nothing but clusters was learnt; then clusters and emotion, without and with speech that has no labels.
Seed {shown}.
"""


def render_page(study: Mapping[str, Any]) -> str:
    """The page on a study, as written to JSON."""
    settings, roles = study["settings"], study["roles"]
    model, optimiser = settings["model"], settings["optimiser"]
    judged = f"{study['most']} utterances of each speaker at most" if study["most"] else "all utterances"
    return PAGE.format(
        net=describe_net(model),
        config=study["config"],
        steps=optimiser["steps"],
        epochs=optimiser["epochs"],
        judged=judged,
        unfinished=unfinished(study),
        roles="Speakers: "
        + "; ".join(f"{role}: {len(r['speakers'])}, {r['utterances']:,} utterances" for role, r in roles.items())
        + f". Without labels {study['unlabelled']:,} utterances are heard in all: those, and "
        + f"{', '.join(Path(name).name for name in settings['data']['unlabelled']) or 'nothing else'}.",
        targets="mapped" if study["mapped"] else "rated",
        means=_means(study),
        seeds="One seed"
        if study["seeds"] == 1
        else f"Mean over {study['seeds']} seeds, which differ in weights and draws",
        speakers=len(roles["test"]["speakers"]),
        differences=_differences(study),
        clusters=_clusters(study),
        reference=study["reference"],
        verdict=verdict(study["clusters"]),
        picture=study["picture"],
        shown=study["shown"],
    )


def unfinished(study: Mapping[str, Any]) -> str:
    """How many of the table's variants the epochs were too few for."""
    most = study["settings"]["optimiser"]["epochs"]
    cut = sum(study["epochs"][name] >= most for name in study["means"])
    return f"""The epochs were over before the development loss stopped
  {cut} of {len(study["means"])} variants: with more, their figures may rise and their order change."""


def describe_net(model: Mapping[str, Any]) -> str:
    """The trunk in words."""
    convolutions = sum(count for _, count in model["stages"])
    widths = ", ".join(str(width) for width, _ in model["stages"])
    shrunk = f", on the mean of {model['shrink']} x {model['shrink']} bins" if model["shrink"] > 1 else ""
    return f"the {convolutions} convolutions of a VGG in stages of {widths} channels{shrunk}"


def verdict(clusters: Mapping[str, Any]) -> str:
    """What the clusters of each kind follow more, said with the figures."""
    parts = []
    for name in VARIANTS:
        found = clusters[name]["agreement"]
        emotion, speaker = found["emotion"]["adjusted"], found["speaker"]["adjusted"]
        if name == ALONE or VARIANTS[name].kind == "cluster":
            more = "speaker" if speaker > emotion else "emotion"
            parts.append(f"{name}: {more} ({emotion:.3f} emotion, {speaker:.3f} speaker)")
    return "What they follow more, by adjusted mutual information: " + "; ".join(parts) + "."


def _means(study: Mapping[str, Any]) -> str:
    lines = [["", *(f"{dimension}" for dimension in DIMENSIONS), "epochs"], ["---"] * (len(DIMENSIONS) + 2)]
    for name, found in study["means"].items():
        cells = [name]
        for dimension in DIMENSIONS:
            figure = found[dimension]
            low, high = figure["interval"] or (float("nan"), float("nan"))
            spread = f" ± {figure['deviation']:.3f}" if figure["deviation"] is not None else ""
            theirs = f" ({PUBLISHED[name][dimension]:.4f})" if name in PUBLISHED else ""
            cells.append(f"{figure['mean']:.3f}{spread} [{low:.2f}, {high:.2f}]{theirs}")
        lines.append([*cells, f"{study['epochs'][name]:.1f}"])
    return _table(lines)


def _differences(study: Mapping[str, Any]) -> str:
    lines = [["", *DIMENSIONS], ["---"] * (len(DIMENSIONS) + 1)]
    for one, other in PAIRS:
        cells = [f"{one} minus {other}"]
        for dimension in DIMENSIONS:
            found = study["differences"][f"{one} - {other}"][dimension]
            low, high = found["interval"] or (float("nan"), float("nan"))
            p = f", p = {found['p']:.2g}" if found["p"] is not None else ""
            cells.append(f"{found['mean']:+.3f} [{low:+.2f}, {high:+.2f}]{p}")
        lines.append(cells)
    return _table(lines)


def _clusters(study: Mapping[str, Any]) -> str:
    kinds = ("emotion", "speaker", "corpus")
    header = ["", *(f"{kind}: {what}" for kind in kinds for what in ("purity", "information, normalised, adjusted"))]
    lines = [header, ["---"] * len(header)]
    for name, found in study["clusters"].items():
        cells = [name]
        for kind in kinds:
            figure = found["agreement"][kind]
            cells.append(f"{figure['purity']:.2f} ({figure['chance']:.2f})")
            cells.append(f"{figure['information']:.2f}, {figure['normalised']:.3f}, **{figure['adjusted']:.3f}**")
        lines.append(cells)
    return _table(lines)


def _table(lines: Sequence[Sequence[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
