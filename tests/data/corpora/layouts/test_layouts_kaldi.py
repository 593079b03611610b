"""Channels that a Kaldi directory names, and its faults told once."""

import numpy as np
import pytest
import soundfile

from importing import expect, imported, told
from sottovoce.data.corpora.cuts import load_cut
from sottovoce.data.corpora.manifests import import_corpus
from sottovoce.errors import DataError
from tone import tone


class TestChannelsOfKaldi:
    @pytest.fixture
    def call(self, tmp_path):
        both = np.stack([tone(2, 300), tone(2, 600)], 1)
        soundfile.write(tmp_path / "call.wav", both, 16_000)
        return tmp_path

    def heard(self, cut):
        wave = load_cut(cut).numpy()
        return int(round(np.argmax(np.abs(np.fft.rfft(wave))) * 16_000 / len(wave)))

    def test_two_sides_of_a_file(self, call):
        (call / "wav.scp").write_text("c-A call.wav\nc-B call.wav\n")
        (call / "reco2file_and_channel").write_text("c-A c A\nc-B c B\n")
        cuts = imported("kaldi", call, call / "out")
        assert {name: self.heard(cut) for name, (_, cut) in cuts.items()} == {"c-A": 300, "c-B": 600}
        with pytest.raises(DataError, match="the corpus says itself which channel c-A is of; leave the channel out"):
            import_corpus(call, call / "out", layout="kaldi", channel=0)

    def test_sides_that_were_taken_apart(self, call):
        soundfile.write(call / "b.wav", tone(2, 600), 16_000)
        (call / "wav.scp").write_text("c-B b.wav\n")
        (call / "reco2file_and_channel").write_text("c-B c B\n")
        ((_, cut),) = imported("kaldi", call, call / "out").values()
        assert self.heard(cut) == 600

    def test_segments_with_a_channel(self, call):
        (call / "wav.scp").write_text("c call.wav\n")
        (call / "segments").write_text("u0 c 0 1 0\nu1 c 0.5 1.5 1\nu2 c 1 2 B\n")
        cuts = imported("kaldi", call, call / "out")
        assert {name: self.heard(cut) for name, (_, cut) in cuts.items()} == {"u0": 300, "u1": 600, "u2": 600}
        assert (cuts["u1"][1].start, cuts["u1"][1].duration) == (0.5, 1.0)

    def test_wrong_channels(self, call):
        (call / "wav.scp").write_text("c call.wav\nd call.wav\n")
        (call / "reco2file_and_channel").write_text("d c C\ne c A\nc A\n")
        (call / "segments").write_text("u0 c 0 1 2\nu1 c 0 1 x\nu2 c 0 1 0 0\n")
        expect(
            told("kaldi", call, call / "out"),
            [
                "reco2file_and_channel line 1: the channel is 'C'",
                "reco2file_and_channel line 2: the recording e is not in wav.scp",
                "reco2file_and_channel line 3: 2 columns",
                "segments line 1: " + f"{call}/call.wav has 2 channels, but channel 2 is listed",
                "segments line 2: the channel is 'x'",
                "segments line 3: 6 columns",
            ],
        )


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("wav.scp", "m1\nm2 b.wav\n", "wav.scp line 1: m1 has no value"),
        ("wav.scp", "m1 x.ark:5\nm2 b.wav\n", "wav.scp line 1: m1 lies in an archive"),
        ("wav.scp", "m2 b.wav\nm1 \xe9.wav\n", "wav.scp: not a text file (line 2"),
        ("segments", "u1 m1 0\nu2 m2 0 1\n", "segments line 1: 3 columns"),
        ("segments", "u1 m1 1 0\nu2 m2 0 1\n", "segments line 1: from 1 to 0 s"),
        ("segments", "u1\nu2 m2 0 1\n", "segments line 1: u1 has no value"),
        ("segments", "u1 m3 0 1\nu2 m2 0 1\n", "segments line 1: the recording m3 is not in wav.scp"),
        ("utt2spk", "u1\nu2 ben\n", "utt2spk line 1: u1 has no value"),
        ("text", "u2 yes\nu1 \xe9\n", "text: not a text file (line 2"),
    ],
)
def test_one_fault_of_kaldi_is_told_once(tmp_path, audio, file, text, fault):
    audio("a.wav"), audio("b.wav")
    files = {"wav.scp": "m1 a.wav\nm2 b.wav\n", "segments": "u1 m1 0 1\nu2 m2 0 1\n", "utt2spk": "u1 anna\nu2 ben\n",
             "text": "u1 no\nu2 yes\n"} | {file: text}  # fmt: skip
    for name, content in files.items():
        (tmp_path / name).write_bytes(content.encode("latin-1"))
    expect(told("kaldi", tmp_path, tmp_path / "out"), [fault])
