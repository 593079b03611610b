"""Conversations simulated from utterances of single speakers: unlimited training data for diarization.

    corpus/
      audio/<split>/<number>.flac
      <split>.jsonl.gz             Lhotse cuts with a supervision for every stretch of speech
      corpus.json                  the options of the simulation

Speakers take turns, pause and interrupt one another. The turns are found by `detect_speech`, which is reliable because the
utterances are clean. Reverberation, channels and noise are added by the augmentation in training.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import soundfile

from ...errors import DataError
from ...files import unwritable, write_json
from ...locks import new_folder
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave, power
from ..audio.speech_detection import detect_speech
from ..corpora.cuts import cut_speaker, load_cut, make_cut, write_cuts
from ..corpora.rttm import Turn

if TYPE_CHECKING:
    from lhotse.cut import Cut

FORMAT = 1
"""Version of the simulation; a corpus of another version is not reused."""

Stretch = tuple[float, float]
"""Start and end in seconds."""

Progress = Callable[[int, int], None]
"""``progress(done, total)`` conversations."""


@dataclass(frozen=True)
class ConversationStyle:
    """The statistics of conversations.

    Args:
        speakers: minimum and maximum number of speakers in a conversation.
        seconds: minimum and maximum duration of a conversation, in seconds.
        turn: median duration of a turn in seconds; about one turn in twenty is five times shorter or longer, or more.
        overlap: probability that a turn of another speaker begins before the previous turn has ended.
        pause: mean pause in seconds between turns that do not overlap.
        spread: standard deviation of the levels of speakers, in decibels.

    Raises:
        DataError: a value is out of its range.
    """

    speakers: tuple[int, int] = (2, 4)
    seconds: tuple[float, float] = (20.0, 45.0)
    turn: float = 3.0
    overlap: float = 0.5
    pause: float = 0.35
    spread: float = 3.0

    def __post_init__(self) -> None:
        fine = 1 <= self.speakers[0] <= self.speakers[1] and 1 <= self.seconds[0] <= self.seconds[1]
        if not fine or self.turn <= 0 or not 0 <= self.overlap <= 1 or min(self.pause, self.spread) < 0:
            raise DataError(
                f"conversations: {self} does not make sense; ranges rise from 1 up, a turn is longer than 0 s,"
                " overlap is a share, pause and spread are not negative"
            )


def simulate_conversations(
    voices: Mapping[str, Sequence[Cut]],
    out: str | Path,
    *,
    conversations: Mapping[str, int],
    style: ConversationStyle | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> dict[str, Path]:
    """Make conversations, or reuse them if they exist; returns the manifest of each split.

    The same arguments give the same corpus. The folder ``out`` appears only when the corpus is complete.

    Args:
        voices: split -> its utterances, each of a single speaker.
        out: the folder; it must not exist, be empty, or hold this corpus.
        conversations: split -> number of conversations.
        style: statistics of the conversations.
        seed: seed of all random numbers.
        progress: called as ``progress(done, total)`` after each conversation.

    Raises:
        DataError: a split has fewer speakers than a conversation, ``out`` holds something else or cannot be written, or
            an utterance has several speakers.
        AudioError: an utterance cannot be read.
    """
    style, out = style or ConversationStyle(), Path(out)
    settings = {"format": FORMAT, "conversations": dict(conversations), "seed": seed, **asdict(style)}
    settings = json.loads(json.dumps(settings))
    made = {split: out / f"{split}.jsonl.gz" for split in conversations}
    if _is_made(out, settings):
        return made
    pools = {split: _SpeakerPool(split, voices[split], style) for split in conversations}
    done, total = 0, sum(conversations.values())
    with unwritable(out), new_folder(out) as partial:
        if _is_made(out, settings):  # another process has made it meanwhile
            return made
        for number, (split, pool) in enumerate(pools.items()):
            (partial / "audio" / split).mkdir(parents=True)
            cuts = []
            for place in range(conversations[split]):
                wave, turns = _conversation(pool, style, np.random.default_rng([seed, number, place]))
                name = f"audio/{split}/{place:05d}.flac"
                file = io.BytesIO()
                soundfile.write(file, wave, SAMPLE_RATE, subtype="PCM_16", format="FLAC")
                (partial / name).write_bytes(file.getvalue())
                segments = [(turn.start, turn.end, turn.speaker, None) for turn in turns]
                cuts.append(make_cut(name=name, source=name, samples=len(wave), rate=SAMPLE_RATE, segments=segments))
                done += 1
                if progress is not None:
                    progress(done, total)
            write_cuts(cuts, partial / f"{split}.jsonl.gz")
        write_json(partial / "corpus.json", settings)
    return made


def _is_made(out: Path, settings: dict[str, object]) -> bool:
    """Whether the corpus exists already; anything else in its folder is an error."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / "corpus.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: exists and holds no conversations; choose another folder") from error
    if found != settings:
        differing = [
            f"{key} {found.get(key)} -> {settings[key]}" for key in settings if found.get(key) != settings[key]
        ]
        raise DataError(
            f"{out}: holds conversations of other options ({', '.join(differing)}); choose another folder or remove it"
        )
    return True


class _SpeakerPool:
    """The speakers of a split and their utterances.

    Raises:
        DataError: a cut has no speaker, or there are fewer speakers than a conversation may have.
    """

    def __init__(self, split: str, cuts: Sequence[Cut], style: ConversationStyle) -> None:
        self.cuts: dict[str, list[Cut]] = {}
        for cut in cuts:
            if (speaker := cut_speaker(cut)) is None:
                raise DataError(f"conversations: the cut {cut.id} has no speaker")
            self.cuts.setdefault(speaker, []).append(cut)
        self.names = sorted(self.cuts)
        if len(self.names) < style.speakers[1]:
            raise DataError(
                f"conversations: {split} has {len(self.names)} speakers, fewer than the {style.speakers[1]} of the"
                " largest conversation"
            )
        # The cache takes a few hundred megabytes at most; without it, decoding would take most of the time.
        self.at_common_level = lru_cache(maxsize=512)(self._at_common_level)

    def _at_common_level(self, name: str, place: int) -> tuple[Wave, list[Stretch]]:
        """An utterance at a common level, and its stretches of speech."""
        cut = self.cuts[name][place]
        wave = load_cut(cut).numpy()
        stretches = detect_speech(wave)
        if not stretches:
            raise DataError(f"conversations: no speech is found in {cut.id}; leave it out")
        loud = np.concatenate([wave[round(a * SAMPLE_RATE) : round(b * SAMPLE_RATE)] for a, b in stretches])
        return wave * np.float32(0.1 / max(np.sqrt(power(loud)), 1e-9)), stretches

    def speech(self, name: str, generator: np.random.Generator) -> Iterator[_TurnStart]:
        """An endless sequence of random positions in the utterances of a speaker, at which turns can begin."""
        while True:
            for k in generator.permutation(len(self.cuts[name])).tolist():
                wave, stretches = self.at_common_level(name, k)
                for first in generator.permutation(len(stretches)).tolist():
                    yield _TurnStart(wave, stretches, first)


def _conversation(
    pool: _SpeakerPool, style: ConversationStyle, generator: np.random.Generator
) -> tuple[Wave, list[Turn]]:
    """The waveform of one conversation, and its turns."""
    count = int(generator.integers(style.speakers[0], style.speakers[1] + 1))
    chosen = [pool.names[k] for k in generator.permutation(len(pool.names))[:count]]
    speech = [pool.speech(name, generator) for name in chosen]
    gains = 10 ** (generator.normal(0, style.spread, count) / 20)
    seconds = generator.uniform(*style.seconds)
    wave = np.zeros(round(seconds * SAMPLE_RATE), np.float32)
    turns: list[Turn] = []
    for who, start, length in _plan(count, seconds, style, generator):
        sound, stretches = next(speech[who]).turn(min(length, seconds - start))
        first = round(start * SAMPLE_RATE)
        wave[first : first + len(sound)] += np.float32(gains[who]) * sound[: len(wave) - first]
        turns += [Turn(round(start + a, 4), round(min(start + b, seconds), 4), chosen[who]) for a, b in stretches]
    level = 10 ** (generator.uniform(-34, -20) / 20)
    wave *= np.float32(level / max(np.sqrt(power(wave)), 1e-9))
    wave *= np.float32(min(1.0, 0.99 / max(float(np.abs(wave).max()), 1e-9)))
    return wave, sorted(turns)


def _plan(
    count: int, seconds: float, style: ConversationStyle, generator: np.random.Generator
) -> Iterator[tuple[int, float, float]]:
    """Turns as (speaker, start, duration) in seconds. At most two speakers speak at once, and no speaker twice at once."""
    now, before, last = generator.exponential(style.pause), 0.0, -1  # the latest and the second-latest end of a turn
    while True:
        start = now + generator.exponential(style.pause)
        others = [who for who in range(count) if who != last]
        same = not others or generator.random() < 0.15
        who = last if same and last >= 0 else int(generator.choice(others or [0]))
        if who != last and last >= 0 and generator.random() < style.overlap:
            start = max(now - generator.exponential(style.turn / 3) - 0.1, before)
        if start > seconds - 0.5:
            return
        length = style.turn * float(np.exp(generator.normal(0, 0.85)))
        yield who, start, length
        end = start + length
        # The turn that ends first does not limit the turn after the next one.
        before, now = min(now, end) if start < now else now, max(now, end)
        last = who if end >= now else last


@dataclass(frozen=True)
class _TurnStart:
    """A position in an utterance at which a turn begins: its stretch of speech with index ``first``."""

    wave: Wave
    stretches: list[Stretch]
    first: int

    def turn(self, seconds: float) -> tuple[Wave, list[Stretch]]:
        """The waveform of a turn of at most ``seconds``, and its stretches of speech."""
        start = self.stretches[self.first][0]
        end = min(start + seconds, self.stretches[-1][1])
        wave = self.wave[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)].copy()
        fade = round(0.01 * SAMPLE_RATE)  # without it, a word that is cut off would click
        if len(wave) > 2 * fade:
            ramp = np.linspace(0, 1, fade, dtype=np.float32)
            wave[:fade] *= ramp
            wave[-fade:] *= ramp[::-1]
        return wave, [(max(a, start) - start, min(b, end) - start) for a, b in self.stretches if a < end and b > start]
