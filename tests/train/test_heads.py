import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.svm import LinearSVC

from edge_app.errors import CorpusError
from train.heads import fit_logistic, fit_readout, fit_svc


def blobs(rng, classes, count=300, size=4):
    label = rng.integers(0, classes, count)
    label[:classes] = np.arange(classes)
    return (rng.normal(size=(count, size)) + 2 * np.eye(classes, size)[label]).astype(np.float32), label


def answers(layer, features):
    with torch.no_grad():
        return layer(torch.from_numpy(features)).numpy()


@pytest.mark.parametrize("classes", [2, 4])
def test_the_layer_decides_as_the_machine_does(rng, classes):
    features, label = blobs(rng, classes)
    weight = rng.uniform(0.5, 2, len(label))
    found = answers(fit_svc(features, label, weight, classes, 0.5), features)
    machine = LinearSVC(C=0.5, dual=False).fit(features, label, sample_weight=weight)
    np.testing.assert_array_equal(found.argmax(axis=1), machine.predict(features))
    if classes > 2:
        np.testing.assert_allclose(found, machine.decision_function(features), atol=1e-4)


@pytest.mark.parametrize("classes", [2, 4])
def test_the_layer_gives_the_probabilities_of_the_regression(rng, classes):
    features, label = blobs(rng, classes)
    weight = rng.uniform(0.5, 2, len(label))
    layer = fit_logistic(features, label, weight, classes, 0.5)
    found = torch.softmax(torch.from_numpy(answers(layer, features)), dim=1).numpy()
    regression = LogisticRegression(C=0.5, max_iter=5000).fit(features, label, sample_weight=weight)
    np.testing.assert_allclose(found, regression.predict_proba(features), atol=1e-4)


def test_the_readout_finds_the_map_that_made_the_targets(rng):
    features = rng.normal(2, 3, size=(200, 4)).astype(np.float32)
    matrix, bias = rng.normal(size=(4, 3)), rng.normal(size=3)
    layer = fit_readout(features, (features @ matrix + bias).astype(np.float32), rng.uniform(0.1, 2, 200))
    np.testing.assert_allclose(layer.weight.detach().numpy(), matrix.T, atol=1e-3)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, atol=1e-3)


def test_the_readout_weighs_its_rows(rng):
    features, target = np.zeros((4, 1), np.float32), np.array([[0.0], [0.0], [1.0], [1.0]], np.float32)
    layer = fit_readout(features, target, np.array([1.0, 1.0, 3.0, 3.0]))
    assert answers(layer, features)[0, 0] == pytest.approx(0.75, abs=1e-6)


@pytest.mark.parametrize("fit", [fit_svc, fit_logistic])
@pytest.mark.parametrize("label", [[0, 0, 0], [0, 1, 1]])
def test_a_class_that_nobody_shows_is_one_clear_line(fit, label):
    with pytest.raises(CorpusError, match=r"show . of 3 classes.*add corpora"):
        fit(np.ones((3, 2), np.float32), np.array(label), np.ones(3), 3, 1.0)
