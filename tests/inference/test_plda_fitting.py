"""A PLDA fitted to a speaker model's own embeddings."""

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.corpora.cuts import make_cut
from sottovoce.diarization.plda import PLDA
from sottovoce.errors import DataError
from sottovoce.inference.plda_fitting import plda
from tiny_models import tiny_model


@pytest.fixture
def cuts(tmp_path):
    """Three speakers with two utterances of 2.2 s each."""
    generator, found = np.random.default_rng(0), []
    for speaker in "abc":
        for number in range(2):
            wave = 0.1 * np.convolve(generator.normal(size=35_200), generator.normal(size=8), "same")
            name = f"{speaker}{number}.wav"
            soundfile.write(tmp_path / name, wave, 16_000)
            found.append(make_cut(name=name, source=tmp_path / name, samples=len(wave), rate=16_000, speaker=speaker))
    return found


def test_it_is_fitted_to_stretches_of_utterances(cuts):
    model = tiny_model().eval()
    model.scoring.fit_mean(torch.randn(5, model.head.size))
    fitted = plda(model, cuts, seconds=1.0)
    # The same by hand: two whole seconds of each utterance, 0.2 s are too short; embedded as `verify` does it.
    vectors, speakers = [], []
    for number, cut in enumerate(cuts):
        wave = torch.from_numpy(soundfile.read(cut.recording.sources[0].source, dtype="float32")[0])
        for second in range(2):
            with torch.no_grad():
                output = model(wave[None, 16_000 * second : 16_000 * (second + 1)]).output
            vectors.append(model.scoring.centered(output)[0].numpy())
            speakers.append(number // 2)
    expected = PLDA.fit(np.array(vectors, np.float64), np.array(speakers))
    assert np.allclose(fitted.mean, expected.mean, atol=1e-5)
    assert np.allclose(fitted.phi, expected.phi, rtol=1e-2)
    assert len(plda(model, cuts, seconds=1.0, size=1).phi) == 1


def test_faults(cuts):
    model = tiny_model().eval()
    with pytest.raises(DataError, match="stretches of --seconds 0.1 are too short to embed"):
        plda(model, cuts, seconds=0.1)
    with pytest.raises(DataError, match="it needs 2 speakers"):
        plda(model, cuts[:2], seconds=1.0)
    with pytest.raises(DataError, match="no utterance is as long"):
        plda(model, [])
