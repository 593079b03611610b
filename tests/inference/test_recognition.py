"""Transcripts of files: long ones in windows without seams."""

import warnings

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.decoding.text_decoders import CTCDecoder
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.errors import AudioError
from sottovoce.inference import recognition
from sottovoce.inference.recognition import Windows, transcribe
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, speech, tiny_config

LABELS = [BLANK, " ", "a", "b", "c", "d"]
SHORT = Windows(2.0, 0.5)


def model(config: EncoderConfig) -> TaskModel:
    torch.manual_seed(0)
    head = {"kind": "ctc", "outputs": 6, "width": 12}
    found = randomized(TaskModel(TaskConfig(encoder=config, head=head, task="recognition", labels=LABELS))).eval()
    with torch.no_grad():
        found.head.output.weight.mul_(20)
        found.head.output.bias.sub_(found(speech(1, 32_000)).output.mean((0, 1)))
    return found


def near_sighted() -> TaskModel:
    """A network that sees a frame and its nearest neighbors, and nothing of the rest: windows must change nothing."""
    shape = uniform_shape(
        hidden_size=16, layers=1, heads=2, ffn=24, conv_channels=(8,) * 7, positional_groups=2, positional_taps=(8,)
    )
    shape["layers"][0]["attention"] = None
    return model(EncoderConfig(shape=shape, head_dim=8, attention_heads=2, conv_norm="layer", layer="pre_norm"))


@pytest.fixture
def file(tmp_path):
    def write(seconds, rate=16_000):
        wave = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))
        soundfile.write(tmp_path / "long.wav", wave, rate, subtype="FLOAT")
        return tmp_path / "long.wav"

    return write


@pytest.mark.parametrize("seconds", [2.01, 3.5, 3.52, 5.0, 7.77])
@pytest.mark.parametrize("beam", [None, 3])
def test_windows_leave_no_seam(file, monkeypatch, seconds, beam):
    network, path, heard = near_sighted(), file(seconds), []
    logits = recognition._output
    monkeypatch.setattr(recognition, "_output", lambda m, wave: heard.append(len(wave)) or logits(m, wave))
    recognizer = CTCDecoder(LABELS, beam=beam, tokens=None)
    whole = transcribe(network, path, decoder=recognizer)
    pieces = transcribe(network, path, decoder=recognizer, windows=SHORT)
    assert pieces == whole and len(set(whole.text)) > 3 and whole.seconds == pytest.approx(seconds)
    with torch.no_grad():
        one = logits(network, torch.from_numpy(soundfile.read(path, dtype="float32")[0]))
        strung = torch.cat(list(recognition._parts(network, path, seconds, None, SHORT)))
    assert torch.allclose(strung, one, atol=1e-4)  # frame by frame the same, and none twice
    assert heard[0] == round(16_000 * seconds) and max(heard[1:]) <= 32_000 and len(heard) > 2


def test_every_frame_is_taken_once(file):
    """Of a network that looks around, too: as many frames as in one piece."""
    network = model(tiny_config())
    for seconds in np.arange(2.1, 6.5, 0.333):
        path = file(seconds)
        with torch.no_grad():
            parts = list(recognition._parts(network, path, soundfile.info(path).duration, None, SHORT))
        assert sum(len(part) for part in parts) == network.timing(soundfile.info(path).duration).frames


def test_other_rates_have_windows_too(file):
    found = transcribe(near_sighted(), path := file(5.0, 8_000), windows=SHORT)
    assert found.seconds == 5.0
    whole = transcribe(near_sighted(), path)
    # Resampling a window is not quite resampling the file.
    assert abs(len(found.text) - len(whole.text)) < 0.1 * len(whole.text)


def test_silence_is_refused_only_if_there_is_nothing_else(tmp_path):
    wave = np.zeros(80_000)
    soundfile.write(tmp_path / "silent.wav", wave, 16_000)
    for windows in (SHORT, None):
        with pytest.raises(AudioError, match="silent.wav: digital silence"):
            transcribe(near_sighted(), tmp_path / "silent.wav", windows=windows)
    wave[:16_000] = 0.1 * np.random.default_rng(0).standard_normal(16_000)
    soundfile.write(tmp_path / "half.wav", wave, 16_000)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        transcribe(near_sighted(), tmp_path / "half.wav", windows=SHORT)


@pytest.mark.parametrize("window, overlap", [(2.0, 0.05), (2.0, 1.5)])
def test_windows_that_do_not_work(window, overlap):
    with pytest.raises(AudioError, match="a window must be twice as long"):
        Windows(window, overlap)
