"""Import and check accept exactly the cuts that training can use."""

from __future__ import annotations

import numpy as np
import pytest
import soundfile

from sottovoce.data.corpora.audio_check import check_audio, refuse_missing
from sottovoce.data.corpora.cut_checks import cut_faults
from sottovoce.data.corpora.cuts import load_cut, make_cut, read_cuts, write_cuts
from sottovoce.data.corpora.manifests import CorpusError, import_corpus
from sottovoce.errors import AudioError, DataError
from tone import RATE, tone


@pytest.fixture
def stereo(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.stack([tone(1, 300), tone(1, 500)], 1), RATE)
    return lambda **options: make_cut(
        name="a", source=tmp_path / "a.wav", samples=RATE, rate=RATE, channels=2, **options
    )


def multi(cut, channels=(0, 1)):
    from lhotse import MultiCut

    said = cut.supervisions[0]
    said.channel = list(channels)
    return MultiCut("a", cut.start, cut.duration, list(channels), [said], recording=cut.recording)


def silent(cut):
    cut = cut.truncate(duration=0.5)
    cut.recording = None
    return cut


def kinds(make):
    """Name -> cut, and whether training can use it."""
    mono = make(channel=1)
    sharp = make()
    sharp.recording.sources[0].type = "command"
    return {
        "one channel": (mono, True),
        "the mean": (make(channel="mix"), True),
        "a stretch": (mono.truncate(offset=0.25, duration=0.5), True),
        "one frame": (mono.truncate(duration=0.025), True),
        "a mixture": (mono.append(mono.truncate(duration=0.3)), True),
        "faster": (mono.perturb_speed(1.1), True),
        "one channel of a MultiCut": (multi(make(), (1,)), True),
        "two channels": (multi(make()), False),
        "10 ms": (mono.truncate(duration=0.01), False),
        "a command": (sharp, False),
        "a change that needs what is not there": (mono.perturb_tempo(0.9), False),
        "no recording": (silent(mono), False),
    }


NAMES = ["one channel", "the mean", "a stretch", "one frame", "a mixture", "faster", "one channel of a MultiCut",
         "two channels", "10 ms", "a command", "a change that needs what is not there", "no recording"]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_import_check_and_training_agree(stereo, tmp_path, name):
    cut, usable = kinds(stereo)[name]
    try:
        heard = len(load_cut(cut)) >= 400
    except AudioError:
        heard = False
    assert heard == usable
    cut.id = "a"
    assert (cut_faults(cut) == []) == usable
    assert (check_audio([cut]).faults == []) == usable
    path = write_cuts([cut], tmp_path / "cuts.jsonl.gz")
    if usable:
        refuse_missing(list(read_cuts(path)), "cuts")
        made = import_corpus(path, tmp_path / "out", layout="lhotse")
        (again,) = read_cuts(made["all"])
        assert len(load_cut(again)) == len(load_cut(cut))
    else:
        with pytest.raises(DataError, match="cut a: "):
            refuse_missing(list(read_cuts(path)), "cuts")
        with pytest.raises(CorpusError, match="a: "):
            import_corpus(path, tmp_path / "out", layout="lhotse")


def test_two_channels_are_told_how_to_be_heard(stereo):
    (fault,) = cut_faults(multi(stereo()))
    assert "has 2 channels" in fault and "--channel mix" in fault


def test_the_mean_of_all_channels_is_what_training_hears(stereo, tmp_path):
    (tmp_path / "corpus" / "anna").mkdir(parents=True)
    (tmp_path / "a.wav").rename(tmp_path / "corpus" / "anna" / "a.wav") if (tmp_path / "a.wav").exists() else None
    made = import_corpus(tmp_path / "corpus", tmp_path / "out", layout="folder", channel="mix")
    (cut,) = read_cuts(made["all"])
    expected = (tone(1, 300) + tone(1, 500)) / 2
    assert np.abs(load_cut(cut).numpy() - expected).max() < 1e-4
    assert check_audio([cut]).faults == []
    assert np.abs(load_cut(cut.truncate(offset=0.5)).numpy() - expected[8_000:]).max() < 1e-4
