"""Words as they come: the same as of the whole file, each as soon as its chunk is over, in bounded memory."""

import numpy as np
import pytest
import soundfile
import torch

from sottovoce.data.audio.long_audio import audio_pieces
from sottovoce.data.audio.reading import read_audio
from sottovoce.decoding.text_decoders import CTCDecoder, text_decoder
from sottovoce.decoding.vocabulary import BLANK
from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.streaming.chunks import Chunks
from sottovoce.errors import AudioError, StreamingError
from sottovoce.inference.recognition import transcribe
from sottovoce.inference.streaming import StreamingRecognizer, chunks_of, transcribe_stream
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_model import TaskModel
from tiny_models import randomized, speech, tiny_config

LABELS = [BLANK, " ", "a", "b", "c", "d"]


def streaming_config(**changes):
    shape = uniform_shape(
        hidden_size=16, layers=2, heads=2, ffn=24, conv_channels=None, positional_groups=None, convolution=16
    )
    return EncoderConfig(
        **{
            "shape": shape, "front_end": "filterbank", "feature_norm": "running", "layer": "conformer", "head_dim": 8,
            "attention_heads": 2, "position": "relative_key", "depthwise_kernel": 5, "causal_convolution": True,
            "chunk_frames": 4, "left_chunks": 2, **changes,
        }
    )  # fmt: skip


def recognizer_model(config, **head):
    torch.manual_seed(0)
    head = {"kind": "ctc", "outputs": 6, "width": 12, **head}
    found = randomized(TaskModel(TaskConfig(encoder=config, head=head, task="recognition", labels=LABELS))).eval()
    with torch.no_grad():
        found.head.output.weight.mul_(20)
        found.head.output.bias.sub_(found(speech(1, 32_000)).output.mean((0, 1)))
    return found


@pytest.fixture(scope="module")
def model():
    return recognizer_model(streaming_config())


@pytest.fixture
def file(tmp_path):
    def write(seconds=3.0, rate=16_000, wave=None):
        wave = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate)) if wave is None else wave
        soundfile.write(tmp_path / "speech.wav", wave, rate, subtype="FLOAT")
        return tmp_path / "speech.wav"

    return write


@pytest.mark.parametrize("beam", [None, 4])
def test_a_stream_says_what_the_whole_file_says(model, file, beam):
    path, recognizer, told = file(), CTCDecoder(LABELS, beam=beam), []
    whole = transcribe(model, path, decoder=recognizer)
    for piece in (0.037, 1.0):
        told.clear()
        found = transcribe_stream(model, path, decoder=recognizer, piece=piece, on_word=told.append)
        assert (found.text, found.words, found.seconds) == (whole.text, whole.words, whole.seconds)
        assert tuple(told) == found.words and len(found.words) > 3
    assert found.text == " ".join(word.text for word in whole.words)
    assert all(0 <= word.start < word.end <= 3.0 for word in whole.words)
    assert found.latency == pytest.approx(4 * 0.02 + 0.015) and found.real_time_factor > 0
    other = transcribe_stream(model, path, decoder=recognizer, chunks=Chunks(16, 4))
    assert other.text != whole.text and other.latency == pytest.approx(16 * 0.02 + 0.015)


@pytest.mark.parametrize("beam", [None, 4])
def test_transducers_and_downsampled_frames_stream_too(file, beam):
    """Every third frame of the front end, and of these every second."""
    torch.manual_seed(0)
    head = {"kind": "transducer", "outputs": 6, "predictor": 8, "context": 2, "width": 10, "ctc": False}
    config = TaskConfig(
        encoder=streaming_config(downsampling=3), head=head | {"downsampling": 2}, task="recognition", labels=LABELS
    )
    network = randomized(TaskModel(config)).eval()
    with torch.no_grad():
        network.head.joiner.output.weight.mul_(30)
    recognizer = text_decoder(network, beam=beam)
    whole = transcribe(network, file(4.0), decoder=recognizer)
    # With a beam, in one piece: in small ones it gives up prefixes earlier.
    found = transcribe_stream(network, file(4.0), decoder=recognizer, piece=0.1 if beam is None else 4.0)
    assert len(whole.text) > 3 and found.latency == pytest.approx(4 * 0.06 + 0.015)
    if beam is None:
        assert (found.text, found.words) == (whole.text, whole.words)
    with pytest.raises(StreamingError, match="chunks of 5 frames: the head makes one frame of 2"):
        transcribe_stream(network, file(), chunks=Chunks(5))


def test_words_come_while_it_is_heard(model, file):
    wave = read_audio(file(4.0))
    stream, ends, settled = StreamingRecognizer(model), [], []
    for place in range(0, len(wave), 1_600):
        for word in stream.push(wave[place : place + 1_600]):
            settled.append(word)
            ends.append((place + 1_600) / 16_000 - word.end)
        assert isinstance(stream.pending, str)
    # What was said early is told early: not a second after its end, and not before it was heard.
    assert len(ends) > 5 and min(ends) >= 0 and sorted(ends)[len(ends) // 2] < 1.0
    rest = stream.finish()
    assert [w.text for w in settled + rest] == transcribe(model, file(4.0)).text.split()
    again = [*stream.push(wave), *stream.finish()]  # the next utterance begins from nothing
    assert again == settled + rest


def test_other_rates_have_no_seams(model, file):
    whole = read_audio(file(2.0, 8_000))
    pieces = torch.cat(list(audio_pieces(file(2.0, 8_000), 0.05)))
    assert len(pieces) == len(whole) and (pieces - whole).abs().max() < 1e-4
    assert transcribe_stream(model, file(2.0, 8_000)).seconds == 2.0


@pytest.mark.parametrize(
    ("wave", "says"),
    [
        (np.zeros(32_000), "digital silence"),
        (np.full(32_000, np.nan), "NaN or infinite .the first at 0.000 s"),
        (np.concatenate([0.1 * np.sin(np.arange(20_000)), [np.inf]]), "the first at 1.250 s"),
        (0.1 * np.sin(np.arange(300)), "too short: a stream of 300 samples; the encoder needs at least 560"),
        (0.1 * np.sin(np.arange(60_000)).reshape(-1, 2), "has 2 channels"),
    ],
)
def test_faulty_audio_is_one_line(model, file, wave, says):
    with pytest.raises(AudioError, match=f"speech.wav: .*{says}") as error:
        transcribe_stream(model, file(wave=wave))
    assert "\n" not in str(error.value)


def test_models_that_cannot_stream(file):
    with pytest.raises(StreamingError, match="wavlm cannot stream"):
        transcribe_stream(recognizer_model(tiny_config()), file(), chunks=Chunks(8))
    with pytest.raises(StreamingError, match="was trained for no chunks; give --chunk SECONDS"):
        transcribe_stream(recognizer_model(streaming_config(chunk_frames=None)), file())


def test_chunks_are_the_models_own_unless_they_are_given(model):
    assert chunks_of(model) == Chunks(4, 2)
    assert chunks_of(model, 0.32) == Chunks(16, 2) and chunks_of(model, 0.2, 7) == Chunks(10, 7)
    assert chunks_of(model, left=0) == Chunks(4, 0)
    with pytest.raises(StreamingError, match="chunks of 0 frames"):
        chunks_of(model, 0.001)
