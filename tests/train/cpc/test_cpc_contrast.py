"""InfoNCE, its negatives, and the encoder that is taught with it."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from edge_app.errors import ConfigurationError
from train.config import parse_config
from train.cpc.infonce import InfoNce
from train.cpc.negatives import draw_negatives
from train.nets.cpc import FORGETS, PRIOR, STEP, CpcAttentionNet, SelfAttention


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


# negatives


@pytest.mark.parametrize(("kind", "own"), [("utterance", 1.0), ("batch", 0.0), ("mixed", 0.5)])
def test_negatives_come_from_where_they_should(kind, own):
    lengths = torch.tensor([7, 3, 10, 1])
    places = draw_negatives(lengths, 10, 200, kind, generator())
    owner, step = places // 10, places % 10
    assert places.shape == (4, 200)
    assert (step < lengths[owner]).all()  # never padding
    assert (owner == torch.arange(4)[:, None]).float().mean().item() == own
    for row in range(4):
        seen = set(owner[row].tolist())
        assert seen == ({row} if own == 1 else set(range(4)) - {row} if own == 0 else set(range(4)))


def test_every_step_is_drawn_equally_often():
    places = draw_negatives(torch.tensor([5, 8]), 8, 8000, "utterance", generator())
    for row, length in enumerate((5, 8)):
        share = torch.bincount(places[row] - 8 * row, minlength=8) / 8000
        assert torch.allclose(share[:length], torch.full((length,), 1 / length), atol=0.02)


def test_an_utterance_alone_in_its_batch_gives_its_own_negatives():
    assert (draw_negatives(torch.tensor([6]), 9, 50, "batch", generator()) < 6).all()


# the loss


def test_the_loss_is_the_formula_of_the_paper():
    torch.manual_seed(0)
    contrast = InfoNce(5, 4, 2)
    latents, contexts = torch.randn(2, 6, 4), torch.randn(2, 6, 5)
    lengths = torch.tensor([6, 4])
    negatives = draw_negatives(lengths, 6, 3, "mixed", generator(1))
    found = contrast(latents, contexts, lengths, negatives)
    flat = latents.reshape(-1, 4)
    means, right, counts = [], [], []
    for ahead, predictor in enumerate(contrast.predictors, start=1):
        losses, hits = [], []
        for row, length in enumerate(lengths.tolist()):
            for anchor in range(length - ahead):
                guess = (predictor.weight @ contexts[row, anchor]).tolist()
                score = lambda place, guess=guess: math.fsum(g * z for g, z in zip(guess, flat[place].tolist()))  # noqa: B905, E731
                true = row * 6 + anchor + ahead
                wrong = [score(place) for place in negatives[row].tolist() if place != true]
                losses.append(-math.log(math.exp(score(true)) / (math.exp(score(true)) + sum(map(math.exp, wrong)))))
                hits.append(all(score(true) > each for each in wrong))
        means.append(np.mean(losses))
        right.append(sum(hits))
        counts.append(len(hits))
    assert found.loss.item() == pytest.approx(np.mean(means), rel=1e-5)
    assert found.right.tolist() == right
    assert found.counted.tolist() == counts == [5 + 3, 4 + 2]


def test_padding_and_what_follows_it_change_nothing():
    torch.manual_seed(0)
    contrast = InfoNce(5, 4, 3)
    latents, contexts = torch.randn(2, 8, 4), torch.randn(2, 8, 5)
    lengths = torch.tensor([8, 5])
    negatives = draw_negatives(lengths, 8, 6, "mixed", generator())
    before = contrast(latents, contexts, lengths, negatives)
    latents[1, 5:], contexts[1, 5:] = 1e3, 1e3
    after = contrast(latents, contexts, lengths, negatives)
    assert after.loss.item() == before.loss.item()
    assert after.right.tolist() == before.right.tolist()


def test_nothing_known_gives_chance_and_the_logarithm_of_n():
    contrast = InfoNce(5, 16, 1)
    with torch.no_grad():
        contrast.predictors[0].weight.zero_()
    latents = torch.randn(4, 20, 16, generator=generator())
    negatives = draw_negatives(torch.full((4,), 20), 20, 9, "batch", generator())
    found = contrast(latents, torch.randn(4, 20, 5), torch.full((4,), 20), negatives)
    assert found.loss.item() == pytest.approx(math.log(10))
    assert found.right.tolist() == [0]  # a tie is not right


def test_a_stretch_shorter_than_a_prediction_counts_nothing():
    contrast = InfoNce(5, 4, 3)
    lengths = torch.tensor([2])
    found = contrast(torch.randn(1, 2, 4), torch.randn(1, 2, 5), lengths, draw_negatives(lengths, 2, 3, "utterance"))
    assert found.counted.tolist() == [1, 0, 0]
    assert torch.isfinite(found.loss)


# encoder and attention


@pytest.fixture
def net():
    torch.manual_seed(0)
    return CpcAttentionNet((61, 20), 4, width=12, context=8, heads=2, dense=6).eval()


def test_the_encoder_never_looks_ahead(net):
    frames = torch.randn(1, 12 * STEP, 20)
    changed = frames.clone()
    changed[:, 7 * STEP :] += 1
    one, other = (net.encoder(each, net.encoder.start(1)) for each in (frames, changed))
    assert torch.equal(one.latents[:, :7], other.latents[:, :7])
    assert torch.equal(one.contexts[:, :7], other.contexts[:, :7])
    assert not torch.allclose(one.latents[:, 7], other.latents[:, 7])


def test_the_views_are_less_level_and_less_spectrum_of_the_seconds_before(net):
    frames = torch.randn(2, 9 * STEP, 20)
    views, usual = net.encoder._views(frames, net.encoder.start(2).usual)
    sums, weight = torch.zeros(2, 20), 0.0
    for step in range(9):
        part = frames[:, step * STEP : (step + 1) * STEP]
        sums = (1 - FORGETS) * sums + FORGETS * part.mean(dim=1)
        weight = (1 - FORGETS) * weight + FORGETS
        mean = (sums / (weight + PRIOR * FORGETS * (1 - weight)))[:, None]
        expected = torch.cat((part - mean.mean(dim=2, keepdim=True), part - mean), dim=2)
        assert torch.allclose(views[:, step * STEP : (step + 1) * STEP], expected, atol=1e-5)
    assert torch.allclose(usual[:, 0, :-1], sums, atol=1e-5)
    assert usual[0, 0, -1].item() == pytest.approx(weight, abs=1e-5)


def test_a_louder_microphone_is_forgotten(net):
    frames = torch.randn(1, 500 * STEP, 20).clamp(-2, 2)
    one, other = (net.encoder(each, net.encoder.start(1)).latents for each in (frames, frames + 1.5))
    assert (one - other)[:, 0].abs().max() > 0.1
    assert (one - other)[:, -1].abs().max() < 0.02


def test_the_encoder_goes_on_where_it_was(net):
    frames = torch.randn(3, 20 * STEP, 20)
    whole = net.encoder(frames, net.encoder.start(3))
    state, contexts = net.encoder.start(3), []
    for part in frames.split([STEP, 5 * STEP, 14 * STEP], dim=1):
        encoding = net.encoder(part, state)
        state = encoding.state
        contexts.append(encoding.contexts)
    assert torch.allclose(torch.cat(contexts, dim=1), whole.contexts, atol=1e-6)


def test_attention_is_what_torch_computes():
    torch.manual_seed(1)
    ours, theirs = SelfAttention(12, 3), torch.nn.MultiheadAttention(12, 3, bias=False, batch_first=True)
    with torch.no_grad():
        theirs.in_proj_weight.copy_(torch.cat([ours.query.weight, ours.key.weight, ours.value.weight]))
        theirs.out_proj.weight.copy_(ours.output.weight)
    contexts = torch.randn(2, 9, 12)
    assert torch.allclose(ours(contexts), theirs(contexts, contexts, contexts)[0], atol=1e-6)


def test_the_embedding_is_mean_and_deviation_of_the_attention(net):
    contexts = torch.randn(2, 30, 8)
    answers = net.attention(contexts)
    expected = torch.cat((answers.mean(dim=1), answers.std(dim=1, correction=0)), dim=1)
    assert torch.allclose(net.read(contexts).embedding, expected, atol=1e-3)


def test_sizes_that_do_not_fit_are_one_clear_line():
    from train.nets import make_net

    with pytest.raises(ConfigurationError, match="context = 10 is no multiple of heads = 4"):
        make_net("cpc-attention", (61, 128), 4, context=10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"negatives": "hard"}, "choose from utterance, batch, mixed"),
        ({"ahead": 0}, "at least 1"),
        ({"ahead": 30}, "ahead = 30 needs 3.968 or more"),
        ({"held_out": 0.0}, "between 0 and 1"),
        ({"arousal": 0.8, "valence": 0.3}, "at most 1"),
    ],
)
def test_a_wrong_setting_is_named(values, message):
    with pytest.raises(ConfigurationError, match=message):
        parse_config({"name": "x", "model": {"net": "cpc-attention"}, "cpc": values}, "x.toml")
