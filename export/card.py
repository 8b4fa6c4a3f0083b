"""The model card, written from the manifest alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from edge_app.core.labels import AFFECT_NORMS
from edge_app.counted import counted
from export.adapted import render_adaptations
from export.figures import render_figures, table
from export.licence import RESEARCH_ONLY
from export.noise import render_limit, render_noise
from export.trust import render_trust
from train.corpora import CORPORA

ACTED = ("emodb", "ravdess", "nemo")
LANGUAGES = {"de": "German", "en": "English", "pl": "Polish", "ur": "Urdu"}

CARD = """\
# {name} {version}

{summary}
{warning}
## Use

For programs that follow the tone of a voice over time on the device itself: interfaces that adapt, research on speech,
demonstrations. One estimate describes how {stretch}, not what a person feels.

Not for diagnosis or any medical purpose, not for deciding about people (hiring, credit, policing, schooling), and not
for listening to people who do not know of it. In the European Union, inferring emotions at work or in education is
prohibited by the AI Act, Article 5(1)(f), medical and safety reasons aside.

## What it answers

- Classes: {labels}. Probabilities sum to 1; a voice that shows none of these is given one all the same.
- {dimensions}
- Below a confidence of {min_confidence:g} the answer is `uncertain`. {decided}
- A window of which less than {min_speech:.0%} is speech gets no answer.{limit}
- {baseline}

## How it was trained

{corpora}

{augmentation}
{validation}
{kept}
Probabilities were calibrated on the validation speakers (temperature {temperature:.2f}){trusted}.

Net: `{net}`, {parameters:,} parameters, on {window} {features}; digest `{digest}`),
standardised by the mean and deviation of the training speech. Seed {seed}{epochs}.
{numbers}

```
edge-ser {command}
```

with {versions}.
{adapted}
## Figures

Recall is the share of a class that gets its label, UAR the mean of that over the classes, WA the share of right
decisions; brackets hold 95 % intervals from resampling speakers. CCC is against {reference} values.

{metrics}
{trust}{noise}
## Variants and parity

{variants}

Every variant was run on windows of the validation speakers and compared with what it was made from:

{parity}

{quantisation}`golden.npz` holds one second of synthetic audio and what each variant answers to it;
`edge-ser models verify` repeats it on your machine.

## Limits

- {acted}
- It learnt the languages above. Others, children, whispering, singing and far-away microphones were not tested
  unless a figure above says so.
- Emotion in a voice is ambiguous: listeners disagree too. Expect errors on every single window; the rolling estimate
  is steadier.
- Strong noise, music and several people speaking at once mislead it.

## Licence

Weights: {licence}.{because}
"""

UNSPECIFIED = "language not given"

FEATURES = {
    "logmel": "log-mel features",
    "egemaps": "eGeMAPS functionals",
    "logmel+egemaps": "log-mel features and eGeMAPS functionals",
    "cepstrum-statistics": "statistics of the mel cepstrum and of eGeMAPS",
}

LATENT = (
    "The encoder of a {kind} autoencoder; a linear support vector machine (C = {strength:g}) and a linear read-out\n"
    "were fitted to its latent space, every class of every corpus weighing the same."
)
RATED = (
    "It learnt arousal, valence and dominance by the sum of 1 - CCC; multinomial logistic regression\n"
    "(C = {strength:g}) of its embedding gives the classes, every class of every corpus weighing the same."
)
LADDER = RATED + (
    "\nTraining let it reconstruct every layer of itself from noise, also for speech whose labels it was not told;\n"
    "the decoder{part} stayed behind."
)
PRETRAINED = """\
Its encoder first learnt without labels, from {hours:.1f} hours of stretches of speech, to tell what comes from what
does not (contrastive predictive coding; held-out accuracy 1 to {ahead} steps of 64 ms ahead: {accuracy}; chance
{chance:.3f}): `edge-ser {command}`.
"""

KEPT_STREAM = (
    "The epoch with the best mean of UAR and concordance on the validation speakers was kept, so figures on them are\n"
    "optimistic."
)

FITTED = {
    "dense": RATED,
    "ladder": LADDER.replace("{part}", ""),
    "dln": LADDER.replace("{part}", " and the reconstruction embedding"),
    "linear": "Multinomial logistic regression (C = {strength:g}), every class of every corpus weighing the same.",
    "dae": LATENT.replace("{kind}", "denoising"),
    "vae": LATENT.replace("{kind}", "variational"),
}
"""How the nets of functionals came about, all of which scikit-learn finishes."""


CLUSTERED = (
    "Beside emotion it learnt to tell {count} clusters of one-second chunks, which K-means found anew in each epoch\n"
    "among its own embeddings (DeepEmoCluster){heard}; what tells them stayed behind.\n"
    "The epoch with the least loss on the validation speakers was kept, so figures on them are optimistic."
)


def render_card(manifest: Mapping[str, Any]) -> str:
    """The text of ``MODEL_CARD.md``.

    Args:
        manifest: contents of ``bundle.json``, without the checksum of the card itself.
    """
    training, decision, features = manifest["training"], manifest["decision"], manifest["features"]
    seconds = manifest["window"]["length"] / 16000
    parameters = ", ".join(f"{key} {value}" for key, value in features["parameters"].items())
    versions = ", ".join(f"{name} {version}" for name, version in training["versions"].items())
    return CARD.format(
        name=manifest["name"],
        version=manifest["version"],
        summary=_summary(manifest),
        warning=_warning(manifest),
        labels=", ".join(manifest["labels"]),
        dimensions=_dimensions(manifest),
        min_confidence=decision["min_confidence"],
        min_speech=decision["min_speech"],
        baseline=_baseline(manifest.get("wearer")),
        decided=_decided(decision["validation"]),
        stretch="the last seconds of speech sound" if "state" in manifest else "one second of speech sounds",
        corpora=_corpora(training["corpora"]),
        augmentation=_augmentation(training["experiment"]["waveform"]),
        validation=_validation(training["corpora"]),
        temperature=training["temperature"],
        net=training["net"],
        parameters=manifest["parameters"],
        window="a stream of" if "state" in manifest else f"{seconds:g} s of",
        features=f"{FEATURES.get(features['kind'], features['kind'])} ({parameters or 'no parameters'}",
        kept=_kept(manifest),
        numbers=_numbers(manifest),
        digest=features["digest"][:12],
        seed=training["seed"],
        epochs=f", {counted(training['epochs'], 'epoch')}" if training["epochs"] else "",
        command=training["command"],
        versions=versions,
        adapted=render_adaptations(training.get("adapted", [])),
        reference="mapped" if manifest["mapped"] else "rated",
        metrics=render_figures(manifest),
        limit=render_limit(decision) + _memory(manifest.get("state")),
        noise=render_noise(manifest.get("noise", [])),
        trust=render_trust(manifest.get("trust")),
        trusted=", and then by cross-validation, see below" if "trust" in manifest else "",
        variants=table(
            ("variant", "file", "bytes"),
            [(name, f"`{entry['file']}`", f"{entry['bytes']:,}") for name, entry in manifest["variants"].items()],
        ),
        parity=_parity(manifest["parity"]),
        quantisation=_quantisation(manifest),
        acted=_acted(training["corpora"]),
        licence=manifest["licence"],
        because=_because(manifest),
    )


def _summary(manifest: Mapping[str, Any]) -> str:
    answers = [f"{len(manifest['labels'])} classes", *manifest["dimensions"]]
    seconds = manifest["window"]["hop" if "state" in manifest else "length"] / 16000
    return f"Emotion in speech, every {seconds:g} s of it: {', '.join(answers)}. A bundle for `edge-ser`."


def _warning(manifest: Mapping[str, Any]) -> str:
    if manifest["licence"] != RESEARCH_ONLY:
        return ""
    return "\n**Research only.** A training corpus forbids passing this model on.\n"


def _dimensions(manifest: Mapping[str, Any]) -> str:
    if not manifest["dimensions"]:
        return "No dimensions."
    names = ", ".join(manifest["dimensions"])
    if not manifest["mapped"]:
        return f"Dimensions: {names}, in [-1, 1]."
    norms = "; ".join(
        f"{label} {' '.join(f'{value:+.2f}' for value in AFFECT_NORMS[label])}" for label in manifest["labels"]
    )
    return (
        f"Dimensions: {names}, in [-1, 1], *mapped*: nobody rated the recordings. Each was given the published mean\n"
        "  rating of its emotion word (Russell and Mehrabian, Journal of Research in Personality 11, 1977, 273-294),\n"
        f"  and the net learnt those values ({norms})."
    )


def _decided(found: Mapping[str, Any]) -> str:
    if found["accuracy_decided"] is None:
        return "No single validation window reaches that confidence."
    return (
        f"Of {found['windows']:,} single validation windows {found['decided']:.1%} reach it;\n"
        f"  {found['accuracy_decided']:.1%} of those are right, against {found['accuracy']:.1%} of all. "
        "Smoothing over time comes on top of that."
    )


def _corpora(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for name, corpus in corpora.items():
        known = CORPORA.get(name)
        language = LANGUAGES.get(known.language, known.language) if known else UNSPECIFIED
        counts = (f"{corpus['utterances']:,}", str(corpus["speakers"]))
        rows.append((name, language, *counts, str(corpus["licence"]), f"`{corpus['sha256'][:12]}`"))
    listed = table(("corpus", "language", "utterances", "speakers", "licence", "SHA-256 of the files"), rows)
    citations = [f"- {name}: {CORPORA[name].citation}" for name in corpora if name in CORPORA]
    return "\n".join([listed, "", *citations]).rstrip()


def _augmentation(waveform: Mapping[str, Any]) -> str:
    if not waveform["copies"]:
        return "Waveforms were not augmented."
    parts = []
    if waveform["noise_probability"] > 0:
        parts.append(f"recorded noise at {waveform['snr_low']:g} to {waveform['snr_high']:g} dB")
    if waveform["room_probability"] > 0:
        parts.append("the responses of simulated small rooms")
    if waveform["band_probability"] > 0:
        parts.append("band limits")
    parts.append(f"gains of {waveform['gain_low']:g} to {waveform['gain_high']:g} dB")
    versions = "one augmented version" if waveform["copies"] == 1 else f"{waveform['copies']} augmented versions"
    return f"Each recording was heard clean and in {versions}: {', '.join(parts)}."


def _validation(corpora: Mapping[str, Mapping[str, Any]]) -> str:
    speakers = [str(speaker) for corpus in corpora.values() for speaker in corpus["validation_speakers"]]
    return f"Validation speakers, on whom it never trained: {', '.join(speakers) or 'none'}."


def _kept(manifest: Mapping[str, Any]) -> str:
    training = manifest["training"]
    if "pretrained" in training:
        return _pretrained(training["pretrained"]) + KEPT_STREAM
    if "state" in manifest:
        return KEPT_STREAM
    if how := FITTED.get(training["net"]):
        return how.format(strength=training["experiment"]["head"]["strength"])
    if count := training["experiment"].get("cluster", {}).get("count"):
        heard = ", for speech without labels, too" if training["experiment"]["data"]["unlabelled"] else ""
        return CLUSTERED.format(count=count, heard=heard)
    return "The epoch with the best UAR on the validation speakers was kept, so figures on them are optimistic."


def _pretrained(found: Mapping[str, Any]) -> str:
    accuracy = ", ".join(f"{value:.2f}" for value in found["accuracy"])
    return PRETRAINED.format(
        hours=found["hours"], ahead=len(found["accuracy"]), accuracy=accuracy, chance=found["chance"],
        command=found["command"],
    )  # fmt: skip


def _memory(state: Mapping[str, Any] | None) -> str:
    """How far a model with a state looks back."""
    if state is None:
        return ""
    return (
        f"\n- It follows the stream: an estimate rests on the last {state['memory']:g} seconds, silence among them,\n"
        "  and on what the recurrence kept of the time before; `--memory` chooses 2 to 10."
    )


def _baseline(wearer: Mapping[str, Any] | None) -> str:
    """Whose usual the features are measured from, unless the user says otherwise, and how fast that changes."""
    if wearer is None or wearer["default"] == "none":
        return "Features are measured from the training speech's mean, or, with `--baseline`, from the wearer's own."
    adaptive, enrolled = wearer["adaptive"], wearer["enrolled"]
    return (
        "Features are measured from the training speech's mean, which moves towards the wearer's own as they speak: "
        f"after n seconds of speech theirs weighs n / (n + {adaptive['prior']:g}), at most {adaptive['limit']:g}; with "
        f"a voice enrolled in n seconds, n / (n + {enrolled['prior']:g}) from the start. `--baseline none` keeps the "
        "former. docs/baseline.md has the figures behind these values."
    )


def _numbers(manifest: Mapping[str, Any]) -> str:
    baseline = len(manifest["baseline"]["mean"]) + len(manifest["baseline"]["deviation"])
    held = "; ".join(
        f"{variant} {found['graph']:,}" + (f" and {found['scales']} scales and zero points" if found["scales"] else "")
        for variant, found in manifest["numbers"].items()
    )
    return f"Numbers that a graph holds, constants and all: {held}. The normalisation beside it holds {baseline}."


def _parity(parity: Mapping[str, Mapping[str, Any]]) -> str:
    rows = [
        (
            f"{variant} against {found['against']}",
            f"{found['windows']:,}",
            f"{found['logits']:g}",
            f"{found['probabilities']:g}",
            f"{found['dimensions']:g}",
            f"{found['agreement']:.2%}",
            f"{found['uar']:.3f} ({found['uar_change']:+.3f})",
        )
        for variant, found in parity.items()
    ]
    header = ("", "windows", "logits", "probabilities", "dimensions", "same label", "window UAR (change)")
    return f"{table(header, rows)}\n\nLogits, probabilities and dimensions: largest absolute error."


def _quantisation(manifest: Mapping[str, Any]) -> str:
    if "int8" not in manifest["variants"]:
        return ""
    calibrated = f"calibrated on {manifest['training']['calibration_windows']} windows of training speech"
    if "state" in manifest:
        return (
            "int8: static quantisation of the convolutions (weights per channel, in 7 bits because processors without\n"
            f"VNNI saturate otherwise), {calibrated.replace('windows', 'stretches')}, hop by hop; the matrices of\n"
            "recurrence, attention and heads are stored in 8 bits and computed with in float.\n\n"
        )
    if manifest["training"]["net"] in FITTED:
        return (
            "int8: static quantisation of the affine layers (weights per channel, unsigned, because products of signed "
            f"ones\nsaturate on processors without VNNI), {calibrated}; what they answer stays in float.\n\n"
        )
    return (
        "int8: static quantisation of the convolutions (weights per channel, in 7 bits because processors without\n"
        f"VNNI saturate otherwise), {calibrated}; pooling and heads stay in float.\n\n"
    )


def _acted(corpora: Mapping[str, Any]) -> str:
    played = [name for name in corpora if name in ACTED]
    if not played:
        return "It learnt from few speakers; those it has not met differ from them."
    return (
        f"It learnt from actors ({', '.join(played)}), who portray emotions more clearly than people show them:\n"
        "  expect less on spontaneous speech."
    )


def _because(manifest: Mapping[str, Any]) -> str:
    licences = "; ".join(f"{name}: {licence}" for name, licence in manifest["corpora"].items())
    return f" Training corpora: {licences}."
