"""The whole pipeline on conversations that are known, with models that know them."""

import resource

import numpy as np
import pytest
import soundfile
import torch

from conversations import Known, conversation
from sottovoce.data.audio.frames import FRAME_STEP, frame_count
from sottovoce.data.corpora.rttm import Turn, read_rttm, write_rttm
from sottovoce.diarization.ahc import AHCOptions
from sottovoce.diarization.audio_file import AudioFile
from sottovoce.diarization.pipeline import (
    DiarizationSettings,
    Segmentation,
    SpeakerEmbeddings,
    cluster_speakers,
    diarize,
    embed_speakers,
)
from sottovoce.diarization.plda import PLDA
from sottovoce.diarization.pooling import WindowEmbedder, embedding_masks, frames_in_order, pool_windows
from sottovoce.diarization.speaker_count import SpeakerCount, SpeakerCountWarning
from sottovoce.diarization.stitching import smooth_activity, speaker_counts, stitch_windows, turns_from_frames
from sottovoce.diarization.vbx import VBxOptions
from sottovoce.diarization.windows import sliding_windows
from sottovoce.errors import AudioError, DataError
from sottovoce.metrics.diarization import score_diarization


def known(seconds=60.0, speakers=3, seed=0, **options):
    return Known(conversation(seconds, speakers, seed), seconds, speakers, **options)


def der(case, turns):
    return score_diarization({"x": case.turns}, {"x": turns}).der


def run(case, count=None, progress=None, **settings):
    return diarize(
        case.audio, case.local, case, settings=DiarizationSettings(**settings), count=count, progress=progress
    )


@pytest.mark.parametrize("seconds, speakers, step", [(60, 3, 0.8), (61.37, 2, 4.0), (90, 5, 1.6), (30, 1, 8.0)])
def test_a_known_conversation_comes_out(seconds, speakers, step):
    case = known(seconds, speakers) if speakers > 1 else Known(conversation(30, 2)[::2], 30, 2)
    turns = run(case, step=step, median=1, ahc=AHCOptions(smallest=8))  # five speakers in 56 windows
    assert der(case, turns) < 0.01


def test_the_median_takes_little_away():
    case = known()
    assert 0 < der(case, run(case)) < 0.03


def test_vbx_finds_the_same():
    case = known(speakers=4, seed=3)
    generator = np.random.default_rng(1)
    who = np.repeat(np.arange(200), 5)
    everybody = np.concatenate([generator.normal(size=(200, 32)) / 32**0.5, np.zeros((0, 32))])[who]
    plda = PLDA.fit(everybody + 0.1 * generator.normal(size=everybody.shape), who)
    turns = run(case, median=1, ahc=AHCOptions(threshold=0.4), vbx=VBxOptions(), plda=plda)
    assert der(case, turns) < 0.01
    turns = run(case, SpeakerCount.from_bounds(2), median=1, ahc=AHCOptions(threshold=0.4), vbx=VBxOptions(), plda=plda)
    assert len({turn.speaker for turn in turns}) == 2


@pytest.mark.parametrize("wanted", [1, 2, 4, 5])
def test_known_speakers(wanted):
    """A known number of speakers was not kept: 9 were asked for and 8 found."""
    case = known(speakers=4, seed=2)
    turns = run(case, SpeakerCount.from_bounds(wanted), median=1)
    assert len({turn.speaker for turn in turns}) == wanted
    # No speech is lost, whoever it is given to.
    speech = score_diarization({"x": case.turns}, {"x": turns}).miss
    assert speech < (0.1 if wanted < 2 else 0.01)


def test_least_and_most_speakers():
    case = known(speakers=4, seed=2)
    for count, expected in ((SpeakerCount(maximum=3), 3), (SpeakerCount(minimum=5), 5), (SpeakerCount(2, 6), 4)):
        assert len({turn.speaker for turn in run(case, count)}) == expected


def window_of_four():
    """One window in which four speak, for 2, 1.5, 1 and 0.5 s; the segmentation model numbers them backwards."""
    turns = [(0.2, 1.2, "s0"), (1.4, 2.9, "s1"), (3.1, 4.1, "s2"), (4.3, 4.8, "s3"), (5.0, 6.0, "s0")]
    return Known([Turn(*turn) for turn in turns], 7.0, 4)


@pytest.mark.parametrize("count", [SpeakerCount.from_bounds, lambda n: SpeakerCount(maximum=n)])
@pytest.mark.parametrize("wanted", [1, 2, 3, 4])
def test_without_an_embedding_model_those_who_speak_longest_are_kept(wanted, count):
    """Without an embedding model the number of speakers was ignored: 1 was asked for and 4 were found."""
    case = window_of_four()
    turns = diarize(
        case.audio, case.local, None, settings=DiarizationSettings(median=1), count=count(wanted), strict=True
    )
    kept = [turn for turn in case.turns if int(turn.speaker[1:]) < wanted]
    assert len({turn.speaker for turn in turns}) == wanted
    assert score_diarization({"x": kept}, {"x": turns}).der < 0.02


@pytest.mark.parametrize("embedder", [False, True])
@pytest.mark.parametrize("count", [SpeakerCount.from_bounds(9), SpeakerCount(minimum=5)])
def test_fewer_voices_than_speakers_asked_for_are_told(embedder, count):
    """At least 50 speakers were asked for and 22 found, without a word."""
    case = window_of_four()
    arguments = (case.audio, case.local, case if embedder else None)
    expected = rf"^meeting: (at least )?{count.minimum} speakers were asked for and 4 found, because .* only 4 voices"
    with pytest.warns(SpeakerCountWarning, match=expected):
        turns = diarize(*arguments, count=count, name="meeting")
    assert len({turn.speaker for turn in turns}) == 4
    with pytest.raises(DataError, match=expected):
        diarize(*arguments, count=count, name="meeting", strict=True)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("exclusive", [False, True])
@pytest.mark.parametrize("count", [SpeakerCount.from_bounds(20), SpeakerCount(minimum=30), SpeakerCount(minimum=4)])
def test_as_many_speakers_as_asked_for_where_there_are_as_many_voices(count, exclusive):
    """Also when most windows outvote most of them: windows overlap, and 32 voices are those of two people."""
    case = known(20.0, 2, noise=3.0)
    turns = run(case, count, step=0.8, exclusive=exclusive)
    assert len({turn.speaker for turn in turns}) == count.minimum
    assert score_diarization({"x": case.turns}, {"x": turns}).miss < (0.2 if exclusive else 0.05)
    ends = np.array([(turn.start, turn.end) for turn in turns])
    assert not exclusive or (ends[1:, 0] >= ends[:-1, 1]).all()


def test_nobody_where_somebody_was_asked_for():
    case = Known([], 5.0, 2)
    with pytest.warns(SpeakerCountWarning, match="1 speaker was asked for and 0 found"):
        assert run(case, SpeakerCount.from_bounds(1)) == []


def test_exclusive_output_never_overlaps():
    case = known()
    turns = run(case, exclusive=True, median=1)
    ends = np.array([(turn.start, turn.end) for turn in turns])
    assert (ends[1:, 0] >= ends[:-1, 1]).all()
    found = score_diarization({"x": case.turns}, {"x": turns})
    assert found.false_alarm < 0.01 and found.confusion < 0.01


def test_speakers_are_numbered_as_they_appear():
    turns = run(known())
    assert list(dict.fromkeys(turn.speaker for turn in turns)) == ["speaker1", "speaker2", "speaker3"]


def test_every_sample_is_embedded_about_once():
    case = known(120)
    run(case, step=0.8)
    assert case.heard < 1.3 * case.samples


def test_embeddings_come_from_where_one_speaks_alone():
    activity = np.zeros((1, 50, 2), bool)
    activity[0, :30, 0], activity[0, 20:, 1] = True, True
    masks, alone = embedding_masks(activity, 10)
    assert masks[0, :, 0].nonzero()[0].tolist() == list(range(20))
    assert alone.tolist() == [[20, 20]]
    assert embedding_masks(activity, 21)[0].tolist() == activity.tolist()  # too little is left: all of it


def test_progress_is_told():
    told = []
    run(known(), progress=lambda what, seconds: told.append((what, seconds)))
    for what in ("listening", "recognizing voices"):
        seconds = [s for w, s in told if w == what]
        assert seconds == sorted(seconds) and seconds[-1] == pytest.approx(60, abs=0.03)


def test_nobody_speaks():
    assert run(Known([], 20, 2)) == []


def test_shorter_than_a_window():
    case = Known([(0.2, 1.0, "s0"), (1.2, 1.9, "s1")], 2.0, 2)
    assert der(case, run(case, SpeakerCount.from_bounds(2), median=1)) < 0.02
    alone = diarize(case.audio, case.local, None, settings=DiarizationSettings(median=1))
    assert der(case, alone) < 0.02
    with pytest.raises(DataError, match="windows need an embedding model"):
        diarize(known().audio, case.local, None)


def test_faults_are_told():
    for wrong in ({"step": 9.0}, {"median": 4}, {"vbx": VBxOptions()}, {"step": 0.0}):
        with pytest.raises(DataError):
            DiarizationSettings(**wrong)
    case = known()
    with pytest.raises(DataError, match="gives 7 classes, 4 speakers with 2 at once make 11"):
        diarize(case.audio, lambda waves: torch.zeros(len(waves), 399, 7), case)


@pytest.mark.parametrize("total", [400, 719, 127_999, 128_080, 128_319, 128_320, 140_801, 1_000_000])
def test_windows_have_every_frame(total):
    audio = np.arange(total, dtype=np.float32)
    seen = set()
    for start, wave in sliding_windows((audio[i : i + 7001] for i in range(0, total, 7001)), 128_000, 12_800):
        assert wave[0] == start * 320 and len(wave) <= 128_000
        assert np.array_equal(wave, audio[start * 320 :][: len(wave)])
        seen |= set(range(start, start + frame_count(len(wave))))
    assert seen == set(range(frame_count(total)))


def test_windows_may_not_leave_gaps():
    for size, hop in ((16_000, 16_320), (16_000, 100), (16_000, 0)):
        with pytest.raises(DataError, match="windows: a step of"):
            list(sliding_windows([np.zeros(32_000, np.float32)], size, hop))


def test_the_median_is_scipys():
    from scipy.ndimage import median_filter

    activity = np.random.default_rng(0).random((3, 60, 2)) < 0.5
    for width in (1, 3, 11):
        expected = median_filter(activity.astype(np.uint8), size=(1, width, 1), mode="reflect")
        assert np.array_equal(smooth_activity(activity, width), expected.astype(bool))
    assert np.array_equal(smooth_activity(activity[:, :4], 11), activity[:, :4])


def test_counts_are_rounded_means_and_the_loudest_votes_win():
    activity = np.zeros((3, 4, 2), bool)
    activity[0, :, 0] = activity[1, :, 0] = activity[2, :, 0] = activity[2, :, 1] = True
    starts = np.array([0, 0, 2])
    counts = speaker_counts(activity, starts, 6)
    assert counts.tolist() == [1, 1, 1, 1, 2, 2]  # in frames 2 and 3 they say 1, 1 and 2
    found = stitch_windows(activity, starts, np.array([[0, -1], [0, -1], [1, 0]]), counts)
    assert found.tolist() == [[True, False]] * 4 + [[True, True]] * 2


def test_turns_stand_at_the_middles_of_frames():
    active = np.array([[1, 0], [1, 0], [0, 1], [0, 1]], bool)
    turns = turns_from_frames(active, ["a", "b"], 0.09)
    assert turns == [(0.0, 0.0425, "a"), (0.0425, 0.09, "b")]


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_a_file_in_blocks_is_the_file(tmp_path, rate):
    from sottovoce.data.audio.reading import read_audio

    wave = 0.1 * np.random.default_rng(0).normal(size=int(3.3 * rate))
    soundfile.write(tmp_path / "x.wav", wave, rate)
    blocks = np.concatenate(list(AudioFile(tmp_path / "x.wav", seconds=0.5)()))
    whole = read_audio(tmp_path / "x.wav").numpy()
    assert len(blocks) == pytest.approx(len(whole), abs=2)
    length = min(len(blocks), len(whole))
    assert np.abs(blocks[:length] - whole[:length]).max() < 1e-4


def test_bad_files_are_refused(tmp_path):
    soundfile.write(tmp_path / "two.wav", np.zeros((16_000, 2)), 16_000)
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16_000)
    soundfile.write(tmp_path / "nan.wav", np.full(16_000, np.nan), 16_000, subtype="FLOAT")
    for name, text in (("two", "has 2 channels"), ("short", "too short"), ("absent", "no such file")):
        with pytest.raises(AudioError, match=text):
            AudioFile(tmp_path / f"{name}.wav")
    with pytest.raises(AudioError, match="has no channel 2"):
        AudioFile(tmp_path / "two.wav", channel=2)
    with pytest.raises(AudioError, match="NaN or infinite"):
        list(AudioFile(tmp_path / "nan.wav")())


def test_turns_go_into_an_rttm(tmp_path):
    turns = run(known())
    assert read_rttm(write_rttm({"meeting": turns}, tmp_path / "out.rttm")) == {"meeting": turns}


@pytest.mark.slow
def test_three_hours_in_two_gigabytes():
    case = known(3 * 3600, 6, noise=0.3)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    turns = run(case, median=1)
    added = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    assert der(case, turns) < 0.01
    assert added < 2000


def test_frames_are_heard_in_context():
    """Each frame is taken from the stretch in which it does not stand at an edge."""

    class Edges:
        def frames(self, waves):
            T = frame_count(waves.shape[1])
            edge = torch.minimum(torch.arange(T), torch.arange(T).flip(0))
            return torch.stack([waves[:, ::320][:, :T], edge.expand(len(waves), T).float()], -1)

    audio = np.arange(20 * 16_000, dtype=np.float32) / 320
    found = torch.cat(list(frames_in_order(Edges(), [audio], frame_count(len(audio)), core=4.0, margin=1.0)))
    assert len(found) == frame_count(len(audio))
    assert found[:, 0].tolist() == list(range(len(found)))  # everything in its place
    assert found[50:-50, 1].min() >= 49


@pytest.mark.parametrize("seconds, step", [(70.0, 0.8), (53.41, 8.0), (24.3, 2.0), (18.02, 1.0), (5.0, 0.8)])
@pytest.mark.parametrize("fewer", [0, 1])
def test_embeddings_are_those_of_all_frames_together(seconds, step, fewer):
    """Also where the last stretch or window is moved back; and windows are pooled while the model listens."""
    generator = np.random.default_rng(0)
    audio = generator.normal(size=round(seconds * 16_000)).astype(np.float32)
    calls = []

    class Listener:
        """Frames that differ between stretches; a front end with a wider field has one fewer."""

        def frames(self, waves):
            calls.append("frames")
            T = frame_count(waves.shape[1]) - fewer
            heard = waves[:, : T * FRAME_STEP].unfold(1, FRAME_STEP, FRAME_STEP)[..., :24]
            return heard + 0.1 * waves.mean() * torch.arange(T)[:, None]

        def pool(self, frames, masks):
            calls.append(len(frames))
            return masks.float() @ frames / masks.sum(1, keepdim=True)

    count, size, hop = frame_count(len(audio)), 8 * 16_000, round(step * 50) * FRAME_STEP
    heard = [(a, frame_count(len(wave))) for a, wave in sliding_windows([audio], size, min(hop, 399 * FRAME_STEP))]
    starts, lengths = zip(*heard, strict=True)
    masks = generator.random((len(starts), max(lengths), 3)) < 0.3
    for mask, length in zip(masks, lengths, strict=True):
        mask[length:] = False
    masks[0, :, 1] = False
    everything = torch.zeros(count, 24, dtype=torch.float16)
    for start, wave in sliding_windows(
        [audio], 899 * FRAME_STEP + 400, 800 * FRAME_STEP
    ):  # 16 s, and a second around them
        stretch = Listener().frames(torch.from_numpy(wave)[None])[0]
        first = 50 if start else 0
        everything[start + first : start + len(stretch)] = stretch[first:].half()
    calls.clear()
    found = pool_windows(Listener(), frames_in_order(Listener(), [audio], count), np.array(starts), masks)
    for w, (start, length) in enumerate(zip(starts, lengths, strict=True)):
        own = everything[start : start + length].float()
        for k in range(3):
            mask = torch.from_numpy(masks[w, :length, k])
            expected = own[mask].mean(0).numpy() if mask.any() else np.zeros(24)
            assert np.abs(found[w, k] - expected).max() < 1e-5
    last = len(calls) - 1 - calls[::-1].index("frames")
    assert sum(call != "frames" for call in calls[last:]) <= 2 * 18 / step + 1  # none waits for the end
    assert calls.count("frames") == len(list(sliding_windows([audio], 899 * FRAME_STEP + 400, 800 * FRAME_STEP)))


class Counts(WindowEmbedder):
    """Embeds the number of frames under a mask."""

    def embed(self, wave, masks):
        return masks.sum(1, keepdim=True).float() + torch.zeros(len(masks), 2)


@pytest.mark.parametrize(("alone", "clean"), [(0.2, 0.1), (0.5, 0.25), (0.0, 0.0)])
def test_who_speaks_too_little_alone_is_embedded_from_all_and_not_clustered(alone, clean):
    activity = np.random.default_rng(0).random((40, 99, 3)) < np.array([0.05, 0.3, 0.5])
    samples = 99 * FRAME_STEP + 80
    segmentation = Segmentation(activity, np.arange(40), 138, samples + 39 * FRAME_STEP, samples, FRAME_STEP)
    settings = DiarizationSettings(alone=alone, clean=clean)
    found = embed_speakers(lambda: iter([np.zeros(segmentation.samples, np.float32)]), Counts(), segmentation, settings)
    for w, window in enumerate(activity):
        for k in range(3):
            mine = window[:, k] & ~window[:, [other for other in range(3) if other != k]].any(1)
            used = mine.sum() if mine.sum() >= max(50 * alone, 1) else window[:, k].sum()
            assert found.vectors[w, k, 0] == used
            assert found.clear[w, k] == (window[:, k].any() and mine.sum() >= round(clean * 99))
    assert found.active.all() and 0 < found.clear.sum() <= 120 and found.clear.all() == (clean == 0)


def test_vbx_starts_as_surely_as_it_is_told():
    """With nothing known at the start, all speakers are the same one."""
    vectors = np.repeat(np.eye(2, 4), 20, axis=0)[:, None].astype(np.float32)
    everybody = SpeakerEmbeddings(vectors, *(np.ones((40, 1), bool) for _ in range(2)))
    plda = PLDA(np.zeros(4), 20 * np.eye(4), np.ones(4))
    for smoothing, speakers in ((7.0, 2), (0.0, 1)):
        settings = DiarizationSettings(vbx=VBxOptions(smoothing=smoothing), plda=plda)
        assert len(np.unique(cluster_speakers(everybody, settings, SpeakerCount()))) == speakers
