"""How long is this file: whole files of every kind are heard whole, and others are refused with both lengths."""

from __future__ import annotations

import io
import re
import struct
import warnings

import numpy as np
import pytest
import soundfile
import torch

from audio_files import (
    KINDS,
    SAMPLES,
    decodable,
    encoded,
    flac_from_a_pipe,
    mp3_in_wav,
    mp3_without_length,
    speech,
    voc_in_blocks,
    wav_from_a_pipe,
)
from sottovoce.data.audio import decoder
from sottovoce.data.audio.long_audio import audio_pieces, speech_parts
from sottovoce.data.audio.reading import audio_shape, decode_audio, read_audio
from sottovoce.data.batches.batches import StepBatches
from sottovoce.data.corpora.audio_check import check_audio
from sottovoce.data.corpora.cuts import read_cuts
from sottovoce.data.corpora.manifests import CorpusError, import_corpus
from sottovoce.errors import AudioError


def put(folder, content, name="a.wav"):
    (folder / name).write_bytes(content)
    return folder / name


def lengths(path):
    """What every reader says, in samples at 16 kHz of files at 16 kHz."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            audio_shape(path)[0],
            len(read_audio(path, channel="mix")),
            sum(len(piece) for piece in audio_pieces(path, channel="mix")),
            sum(len(part) for part in speech_parts(path, channel="mix")),
            len(decode_audio(path.read_bytes(), "memory", channel="mix")),
        }


def test_the_table_knows_every_container():
    """A container that libsndfile learns to read has to be decided here."""
    known = {"AIFF", "AU", "AVR", "CAF", "FLAC", "HTK", "SVX", "MAT4", "MAT5", "MPC2K", "MP3", "OGG", "PAF", "PVF", "RAW",
             "RF64", "SD2", "SDS", "IRCAM", "VOC", "W64", "WAV", "NIST", "WAVEX", "WVE", "XI"}  # fmt: skip
    assert set(soundfile.available_formats()) == known


@pytest.mark.parametrize(("container", "codec"), KINDS)
def test_whole_files_are_whole(tmp_path, container, codec):
    path = put(tmp_path, encoded(container, codec))
    right = decodable(encoded(container, codec))
    assert right >= SAMPLES
    samples, rate, _ = audio_shape(path)
    assert samples == right
    if rate == 16_000:
        assert lengths(path) == {right}
        whole, stretch = read_audio(path), read_audio(path, start=0.5, duration=0.5)
        assert (stretch - whole[8_000:16_000]).abs().max() < 1e-3  # lossy codecs find their level again


@pytest.mark.parametrize(("container", "codec"), KINDS)
def test_files_that_are_cut_off(tmp_path, container, codec):
    """Cut-off AIFF, AU, W64, RF64 and SPHERE files passed as whole ones."""
    content = encoded(container, codec)
    path = put(tmp_path, content[: len(content) * 2 // 3])
    if container in ("IRCAM", "PAF", "PVF", "XI"):  # which never say how long they are
        assert audio_shape(path)[0] < SAMPLES
        return
    for reader in (
        audio_shape,
        read_audio,
        lambda each: list(audio_pieces(each)),
        lambda each: list(speech_parts(each)),
    ):
        with pytest.raises(AudioError, match="cut off|cannot be decoded") as caught:
            reader(path)
        assert str(path) in str(caught.value) and "\n" not in str(caught.value)
        if container not in ("HTK", "OGG"):
            assert len(re.findall(r"\d+\.\d+ s|[\d,]{4,}", str(caught.value))) >= 2, str(caught.value)


@pytest.mark.parametrize("container", ["WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "NIST", "FLAC", "MP3", "OGG",
                                       "AVR", "SVX", "WVE", "VOC"])  # fmt: skip
@pytest.mark.parametrize("behind", [b"TAG" + bytes(125), bytes(1), bytes(4096), b"LIST\x06\0\0\0abcdef"])
def test_what_programs_append_is_no_audio(tmp_path, container, behind):
    codec = soundfile.default_subtype(container)
    right = decodable(encoded(container, codec))
    path = put(tmp_path, encoded(container, codec) + behind)
    assert audio_shape(path)[0] == right
    whole = read_audio(put(tmp_path, encoded(container, codec), "whole"))
    assert torch.equal(read_audio(path), whole)


@pytest.mark.parametrize("behind", [b"", b"LIST\x06\0\0\0abcdef", b"id3 \x05\0\0\0abcde\0"])
@pytest.mark.parametrize("odd", [0, 1])
def test_chunks_around_the_audio_of_a_wav(tmp_path, behind, odd):
    buffer = io.BytesIO()
    soundfile.write(buffer, speech()[: 16_000 + odd], 16_000, format="WAV", subtype="PCM_U8")
    made = buffer.getvalue()
    made = made[:36] + b"JUNK\x05\0\0\0abcde\0" + made[36:] + (b"" if len(made) % 2 == 0 else b"\0") + behind
    made = made[:4] + struct.pack("<I", len(made) - 8) + made[8:]
    assert lengths(put(tmp_path, made)) == {16_000 + odd}


SIZES = [0, 0x7FFFF000, 0x7FFFFFFF, 0x7FFFFFDB, 0x80000000, 2**32 - 37, 0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF - 36,
         2**32 - 44, 0x80000024]  # fmt: skip


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("riff", [None, 0, 0xFFFFFFFF, 36])
@pytest.mark.parametrize("form", ["PCM_16", "ULAW", "GSM610"])
def test_wav_from_a_pipe_is_whole(tmp_path, size, riff, form):
    """WAV from pipes, whose headers say a length of 0, 0x7FFFF000 or 2^32 - 1, was refused although it was whole."""
    assert lengths(put(tmp_path, wav_from_a_pipe(size, form=form, riff=riff))) == {decodable(encoded("WAV", form))}


def test_a_wav_with_no_audio_is_empty_and_no_stream(tmp_path):
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros(0), 16_000, format="WAV")
    for behind in (b"", b"LIST\x06\0\0\0abcdef"):
        made = buffer.getvalue() + behind
        made = made[:4] + struct.pack("<I", len(made) - 8) + made[8:]
        assert audio_shape(put(tmp_path, made))[0] == 0


@pytest.mark.parametrize(
    ("container", "magic", "size"),
    [
        ("AU", b".snd", b"\xff\xff\xff\xff"),
        ("AU", b".snd", bytes(4)),
        ("CAF", b"data", b"\xff" * 8),
        ("W64", b"data\xf3\xac\xd3\x11\x8c\xd1\x00\xc0\x4f\x8e\xdb\x8a", bytes(8)),
        ("RF64", b"ds64\x1c\0\0\0", b"\xff" * 16),
        ("AIFF", b"SSND", b"\x7f\x00\x00\x08"),
        ("AIFF", b"SSND", b"\xff\xff\xff\xff"),
    ],
)
def test_other_containers_from_a_pipe(tmp_path, container, magic, size):
    made = bytearray(encoded(container, "PCM_16"))
    place = made.find(magic) + len(magic) + (4 if container == "AU" else 0)
    made[place : place + len(size)] = size
    assert lengths(put(tmp_path, bytes(made))) == {SAMPLES}


def test_sphere_without_its_number_of_samples(tmp_path):
    made = encoded("NIST", "PCM_16")
    line = re.search(rb"sample_count -i \d+\n", made)[0]
    padded = made.replace(line, b"", 1)[: 1024 - len(line)] + b" " * len(line)
    assert lengths(put(tmp_path, padded + made[1024:])) == {SAMPLES}


@pytest.mark.parametrize("codec", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("behind", [b"", b"TAG" + bytes(125)])
def test_flac_of_unknown_length(tmp_path, codec, behind):
    """FLAC whose header gives no length crashed with `array is too big`."""
    whole = encoded("FLAC", codec)
    path = put(tmp_path, flac_from_a_pipe(whole) + behind)
    assert lengths(path) == {SAMPLES}
    assert torch.equal(read_audio(path), read_audio(put(tmp_path, whole, "b.flac")))
    path.write_bytes(flac_from_a_pipe(whole)[: len(whole) * 2 // 3])
    with pytest.raises(AudioError, match="cut off: its last frame"):
        read_audio(path)


@pytest.mark.parametrize("copies", [1, 2, 3])
def test_mp3_without_a_length(tmp_path, copies):
    """Every frame is heard: as many samples as frames have, less the 529 that every decoder puts in front."""
    made = mp3_without_length() * copies
    path = put(tmp_path, made)
    frames = {length for length in lengths(path)}
    assert len(frames) == 1 and ((count := frames.pop()) + 529) % 576 == 0
    assert abs(count - copies * (SAMPLES + 1_105)) < copies * 1_500
    assert (read_audio(path, start=0.5, duration=0.4) - read_audio(path)[8_000:14_400]).abs().max() < 1e-3


@pytest.mark.parametrize("size", [None, 0, 0xFFFFFFFF])
def test_mp3_inside_a_wav(tmp_path, size):
    """As the same stream in a file of its own; what libsndfile makes of the header is a guess from the bit rate."""
    right = read_audio(put(tmp_path, mp3_without_length(), "a.mp3"))
    path = put(tmp_path, mp3_in_wav(size))
    assert lengths(path) == {len(right)} and torch.equal(read_audio(path), right)
    if size is None:
        path.write_bytes(mp3_in_wav()[:-3])
        with pytest.raises(AudioError, match="cut off: the header promises"):
            audio_shape(path)


def test_an_mp3_whose_last_frame_is_cut_off(tmp_path):
    """It is seen from the header, so that import and reading agree; a header that counts itself is no such file."""
    whole = encoded("MP3", "MPEG_LAYER_III")
    for fewer in (1, 7, 60):
        for reader in (audio_shape, read_audio):
            with pytest.raises(AudioError, match=r"cut off: the header promises \d\.\d+ s, the file has"):
                reader(put(tmp_path, whole[:-fewer]))
    place = max(whole.find(b"Info"), whole.find(b"Xing")) + 8
    one_more = int.from_bytes(whole[place : place + 4], "big") + 1
    path = put(tmp_path, whole[:place] + one_more.to_bytes(4, "big") + whole[place + 4 :])
    assert lengths(path) == {SAMPLES}
    assert torch.equal(read_audio(path), read_audio(put(tmp_path, whole, "b.mp3")))


def test_a_voc_of_many_blocks(tmp_path):
    """All blocks are heard, not the first alone."""
    path = put(tmp_path, voc_in_blocks())
    right = read_audio(put(tmp_path, encoded("VOC", "PCM_16"), "b.voc"))
    assert lengths(path) == {SAMPLES} and torch.equal(read_audio(path), right)
    assert torch.equal(read_audio(path, start=0.5, duration=0.5), right[8_000:16_000])
    for content, message in ((voc_in_blocks()[:-900], "cut off"), (voc_in_blocks(ended=False), "cut off: no last block"),
                             (voc_in_blocks(ended=False) + b"\3\3\0\0abc\0", "silence at byte")):  # fmt: skip
        with pytest.raises(AudioError, match=message):
            audio_shape(put(tmp_path, content))


def test_mp3_files_that_were_joined(tmp_path):
    """Of MP3 files that were joined, only a part was decoded, without a word."""
    one, other = encoded("MP3", "MPEG_LAYER_III"), encoded("MP3", "MPEG_LAYER_III", samples=10_000)
    path = put(tmp_path, one + other + b"TAG" + bytes(125))
    assert lengths(path) == {SAMPLES + 10_000}
    parts = [read_audio(put(tmp_path, each, f"{k}.mp3")) for k, each in enumerate((one, other))]
    assert torch.equal(read_audio(path), torch.cat(parts))
    path.write_bytes(one + mp3_without_length())
    assert audio_shape(path)[0] > 2 * SAMPLES
    path.write_bytes(encoded("MP3", "MPEG_LAYER_III", 2) + one)
    with pytest.raises(AudioError, match="parts that were joined differ"):
        audio_shape(path)


@pytest.mark.parametrize("codec", ["VORBIS", "OPUS"])
def test_chained_ogg_streams(tmp_path, codec):
    """Chained Ogg streams ended after the first one, without a word."""
    one, other = encoded("OGG", codec), encoded("OGG", codec, samples=10_000)
    path = put(tmp_path, one + other + one)
    assert lengths(path) == {2 * SAMPLES + 10_000}
    parts = [read_audio(put(tmp_path, each, f"{k}.ogg")) for k, each in enumerate((one, other, one))]
    assert torch.equal(read_audio(path), torch.cat(parts))
    begin = (SAMPLES + 100) / 16_000
    assert (read_audio(path, start=begin, duration=0.5) - parts[1][100:8_100]).abs().max() < 1e-3
    path.write_bytes((one + other)[:-500])
    with pytest.raises(AudioError, match="cut off"):
        audio_shape(path)


@pytest.mark.parametrize("container", ["WAV", "RF64", "W64", "AIFF", "AU", "NIST", "FLAC", "VOC", "AVR", "WVE", "MAT5"])
def test_files_that_may_not_be_joined(tmp_path, container):
    codec = soundfile.default_subtype(container)
    for other in (encoded(container, codec), encoded(container, codec, samples=10_000)):
        with pytest.raises(AudioError, match="another (FLAC )?file begins|are [0-9.]+ s in it"):
            audio_shape(put(tmp_path, encoded(container, codec) + other))
    if container == "WAV":
        with pytest.raises(AudioError, match="another file begins"):
            audio_shape(put(tmp_path, 2 * wav_from_a_pipe(0x7FFFF000)))


def test_an_ogg_page_that_is_damaged_or_lost(tmp_path):
    made = bytearray(encoded("OGG", "VORBIS", samples=160_000))
    place = len(made) // 2
    made[place] ^= 1
    with pytest.raises(AudioError, match="damaged: the Ogg page at byte .* checksum"):
        read_audio(put(tmp_path, bytes(made)))
    made[place] ^= 1
    third = [m.start() for m in re.finditer(b"OggS", bytes(made))][3:5]
    with pytest.raises(AudioError, match="damaged: Ogg pages are missing"):
        read_audio(put(tmp_path, bytes(made[: third[0]] + made[third[1] :])))


def wav_header(rate=16_000, channels=1, width=2):
    made = bytearray(encoded("WAV", "PCM_16"))
    made[22:24] = struct.pack("<H", channels)
    made[24:28], made[28:32] = struct.pack("<I", rate), struct.pack("<I", min(rate * channels * width, 2**32 - 1))
    made[32:34] = struct.pack("<H", min(channels * width, 65_535))
    return bytes(made)


@pytest.mark.parametrize(("told", "message"), [
    (dict(rate=1), "1 samples a second"), (dict(rate=10_000_000), "10,000,000 samples a second"),
    (dict(rate=0), "cannot be decoded|0 samples a second"), (dict(rate=2**31 - 1), "samples a second|cannot be decoded"),
    (dict(channels=10_000), "10,000 channels|cannot be decoded"), (dict(channels=600), "600 channels"),
])  # fmt: skip
def test_headers_that_nobody_means(tmp_path, told, message):
    for reader in (audio_shape, read_audio):
        with pytest.raises(AudioError, match=message):
            reader(put(tmp_path, wav_header(**told)))


def test_a_crop_of_a_long_file_decodes_only_the_crop(tmp_path, monkeypatch):
    decoded = []
    real = decoder.Decoder.read

    def read(self, count, dtype="float32"):
        decoded.append(count)
        return real(self, count, dtype)

    monkeypatch.setattr(decoder.Decoder, "read", read)
    for container in ("WAV", "FLAC", "W64", "AIFF", "AU"):
        path = put(tmp_path, encoded(container, "PCM_16", samples=160_000))
        decoded.clear()
        assert len(read_audio(path, start=7.0, duration=0.5)) == 8_000 and decoded == [8_000]


UNSEEKABLE = [("WAV", "GSM610"), ("W64", "GSM610"), ("AIFF", "GSM610"), ("WAV", "G721_32"), ("AU", "G723_24"),
              ("AU", "G723_40"), ("WAV", "NMS_ADPCM_16"), ("WAV", "NMS_ADPCM_32")]  # fmt: skip


def corpus_of(tmp_path, content):
    (tmp_path / "corpus" / "anna").mkdir(parents=True)
    put(tmp_path / "corpus" / "anna", content)
    return tmp_path / "corpus"


@pytest.mark.parametrize(("container", "codec"), UNSEEKABLE)
def test_what_cannot_be_seeked_agrees_everywhere(tmp_path, container, codec):
    """GSM 6.10, G.721, G.723 and NMS ADPCM passed the import and failed in training, where files are read from the
    middle.
    """
    content = encoded(container, codec)
    made = import_corpus(corpus_of(tmp_path, content), tmp_path / "cuts", layout="folder")
    cuts = list(read_cuts(made["all"]))
    assert cuts[0].num_samples == decodable(content)
    assert check_audio(cuts).faults == []
    batch = StepBatches(cuts, batch_size=1, crop=0.5)[3]["waveform"][0]
    whole = read_audio(cuts[0].recording.sources[0].source)
    assert any(torch.equal(batch, whole[k : k + 8_000]) for k in range(len(whole) - 8_000 + 1))
    stretch = cuts[0].truncate(offset=0.25, duration=0.5)
    from sottovoce.data.corpora.cuts import load_cut

    assert torch.equal(load_cut(stretch), whole[4_000:12_000])


@pytest.mark.parametrize("container", ["WAV", "AIFF", "AU", "W64", "RF64", "NIST", "CAF", "FLAC", "MP3"])
def test_import_check_and_reading_refuse_the_same(tmp_path, container):
    """Import, check and training each had a rule of their own for which files are whole."""
    content = encoded(container, soundfile.default_subtype(container))
    corpus = corpus_of(tmp_path, content)
    made = import_corpus(corpus, tmp_path / "cuts", layout="folder")
    cuts = list(read_cuts(made["all"]))
    assert check_audio(cuts).faults == []
    put(corpus / "anna", content[: len(content) * 2 // 3])
    with pytest.raises(CorpusError, match="cut off"):
        import_corpus(corpus, tmp_path / "again", layout="folder")
    (fault,) = check_audio(cuts).faults
    assert "a.wav: cut off" in fault


def test_given_inputs(data, tmp_path):
    place = data.parent / "cases" / "audio"
    if not place.is_dir():
        pytest.skip("no shared cases beside the corpora")
    for name, samples in {"pipe-7ffff000.wav": 32_000, "pipe-80000000.wav": 32_000, "stream.flac": 48_000,
                          "whole.w64": 48_000}.items():  # fmt: skip
        assert lengths(place / name) == {samples}
    assert audio_shape(place / "whole.gsm") == (48_000, 8_000, 1) and len(read_audio(place / "whole.gsm")) == 96_000
    for name in ("cut.w64", "cut.aiff"):
        with pytest.raises(AudioError, match=rf"{name}: cut off: the header promises 3.000 s .* 1.999 s"):
            audio_shape(place / name)
