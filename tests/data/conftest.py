"""Small corpora of tones, one pitch a speaker, so that a waveform tells where it came from."""

import pytest
import soundfile

from sottovoce.data.corpora.cuts import make_cut
from tone import RATE, tone


@pytest.fixture(scope="session")
def tones(tmp_path_factory):
    """12 cuts of 4 speakers with 2, 3, 3 and 4 utterances of 0.6 to 1.7 s."""
    folder = tmp_path_factory.mktemp("tones")
    cuts = []
    for speaker, count in enumerate((2, 3, 3, 4)):
        for number in range(count):
            path = folder / f"s{speaker}-{number}.wav"
            soundfile.write(path, tone(0.6 + 0.1 * len(cuts), 200 + 200 * speaker + 20 * number), RATE)
            samples = soundfile.info(path).frames
            cuts.append(make_cut(name=path.stem, source=path, samples=samples, rate=RATE, speaker=f"s{speaker}"))
    return cuts


@pytest.fixture
def audio(tmp_path):
    """``audio(name, seconds)`` writes a tone below ``tmp_path``."""

    def write(name, seconds=2.0):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, tone(seconds, 300), 16_000)
        return path

    return write
