"""Synthetic conversations for diarization, with RTTM and UEM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from pydantic import Field, model_validator

from ...quantities import SAMPLE_RATE
from ..audio.acoustics import (
    Wave,
    channel_response,
    colored_noise,
    convolve,
    mix,
    power,
    reverberate,
    room_response,
)
from ..corpora.cuts import make_cut, write_cuts
from ..corpora.rttm import Region, Turn, write_rttm, write_uem
from .base import SPLIT_KEYS, FileDone, Scene, Synthesis, write_wave
from .scenes import at_level, close_talking
from .speech.commands import command
from .speech.sentences import sentence
from .speech.voices import Voice, draw_voices
from .turn_timing import WholeMilliseconds, speaker_order, turn_starts
from .utterances import synthesize_speech

_SHORT = 1.6
"""Seconds of a short turn with its pause, from which the largest number of turns that may be needed is estimated."""

_MILLISECOND = SAMPLE_RATE // 1_000
_TAIL = 500


class DiarizationSynthesis(Synthesis):
    """Conversations of a few speakers in one room, with ``<split>.rttm`` and ``<split>.uem``.

    A turn begins and ends where its voice exceeds 1 % of its peak, before the room adds its reverberation; times are
    whole milliseconds. Recordings are named by their files without the suffix, as is usual in RTTM.

    Attributes:
        conversations_train, conversations_dev, conversations_test: number of recordings in each split.
        seconds: approximate duration of a conversation.
        voices: minimum and maximum number of speakers in a conversation.
        overlap: duration of overlapped speech divided by the duration of all speech, exact in each conversation. At most
            two speakers speak at once.
        pause: mean pause in seconds between two turns that do not overlap.
        scene: see `Scene`.
    """

    speakers_train: int = Field(40, ge=2)
    speakers_dev: int = Field(10, ge=0)
    speakers_test: int = Field(12, ge=2)
    conversations_train: int = Field(30, ge=1)
    conversations_dev: int = Field(6, ge=0)
    conversations_test: int = Field(8, ge=1)
    seconds: float = Field(20.0, ge=10, le=3600)
    voices: tuple[int, int] = (2, 4)
    overlap: float = Field(0.1, ge=0, le=0.35)
    pause: float = Field(0.5, gt=0, le=10)
    scene: Scene = "rooms"

    @model_validator(mode="after")
    def _enough(self) -> DiarizationSynthesis:
        if not 2 <= self.voices[0] <= self.voices[1] <= 8:
            raise ValueError(f"voices are {self.voices[0]} to {self.voices[1]}; take 2 to 8 in a conversation")
        for split, count in self.speakers().items():
            if count < self.voices[1]:
                raise ValueError(f"speakers_{split} is {count}, but a conversation has up to {self.voices[1]} voices")
        if bool(self.conversations_dev) != bool(self.speakers_dev):
            raise ValueError("conversations_dev and speakers_dev must both be 0, or neither")
        return self

    def conversations(self) -> dict[str, int]:
        """Number of conversations of each split."""
        return {split: int(getattr(self, f"conversations_{split}")) for split in self.speakers()}

    def total(self) -> int:
        return sum(self.conversations().values())

    def write(self, folder: Path, file_done: FileDone) -> None:
        voices = draw_voices(self.speakers(), np.random.default_rng([self.seed, 0]))
        for split, count in self.conversations().items():
            cuts, turns, regions = [], {}, {}
            for number, (wave, texts) in enumerate(self._perform(voices[split], count, (self.seed, SPLIT_KEYS[split]))):
                name = f"{split}_{number:04d}"
                write_wave(folder, f"audio/{split}/{name}.wav", wave)
                turns[name], regions[name] = [turn for turn, _ in texts], [Region(0.0, len(wave) / SAMPLE_RATE)]
                cuts.append(
                    make_cut(
                        name=name,
                        source=f"audio/{split}/{name}.wav",
                        samples=len(wave),
                        rate=SAMPLE_RATE,
                        segments=[(turn.start, turn.end, turn.speaker, text) for turn, text in texts],
                        cut_custom={"uem": [list(region) for region in regions[name]]},
                    )
                )
                file_done()
            write_cuts(cuts, folder / f"{split}.jsonl.gz")
            write_rttm(turns, folder / f"{split}.rttm")
            write_uem(regions, folder / f"{split}.uem")

    def _perform(
        self, voices: list[Voice], count: int, key: tuple[int, int]
    ) -> Iterator[tuple[Wave, list[tuple[Turn, str]]]]:
        """The waveform of each conversation, and its turns with their texts."""
        plans = [self._plan(voices, np.random.default_rng([*key, number, 1])) for number in range(count)]
        lines = [(voice, text) for plan in plans for voice, text in plan]
        requests = [
            voice.utterance(text, np.random.default_rng([*key, 2, place])) for place, (voice, text) in enumerate(lines)
        ]
        sound = synthesize_speech(requests, [voice for voice, _ in lines], margin=0.0)
        for number, plan in enumerate(plans):
            waves = [wave[: len(wave) // _MILLISECOND * _MILLISECOND] for wave in _next(sound, len(plan))]
            yield self._mixed(plan, waves, np.random.default_rng([*key, number, 3]))

    def _plan(self, voices: list[Voice], generator: np.random.Generator) -> list[tuple[Voice, str]]:
        """Speaker and text of each turn; more turns than needed, as durations are known only after synthesis."""
        few, many = self.voices
        present = [voices[k] for k in generator.permutation(len(voices))[: generator.integers(few, many + 1)]]
        turns = max(len(present), int(np.ceil(self.seconds / _SHORT)))
        order = speaker_order(turns, len(present), generator)
        return [
            (present[who], sentence(generator) if generator.random() < 0.7 else command(generator).text)
            for who in order
        ]

    def _mixed(
        self, plan: list[tuple[Voice, str]], waves: list[Wave], generator: np.random.Generator
    ) -> tuple[Wave, list[tuple[Turn, str]]]:
        durations = [len(wave) // _MILLISECOND for wave in waves]
        count = self._turns_needed(plan, durations)
        names = list(dict.fromkeys(voice.name for voice, _ in plan[:count]))
        whose = [names.index(voice.name) for voice, _ in plan[:count]]
        starts = turn_starts(durations[:count], whose, generator, overlap=self.overlap, pause=self.pause)
        ends = [start + duration for start, duration in zip(starts, durations, strict=False)]
        tracks = np.zeros((len(names), (max(ends) + _TAIL) * _MILLISECOND), np.float32)
        gains = 10 ** (generator.uniform(-3, 3, len(names)) / 20)  # speakers at different distances
        for start, wave, who in zip(starts, waves, whose, strict=False):
            level = np.float32(gains[who] / np.sqrt(power(wave)))
            tracks[who, start * _MILLISECOND :][: len(wave)] += level * wave
        turns = [
            (Turn(start / 1_000, end / 1_000, voice.name), text)
            for start, end, (voice, text) in zip(starts, ends, plan, strict=False)
        ]
        return self._in_scene(tracks, generator), turns

    def _turns_needed(self, plan: list[tuple[Voice, str]], durations: list[WholeMilliseconds]) -> int:
        """The number of turns that fill the duration; each speaker has at least one."""
        apart = 1_000 * self.pause * (1 - self.overlap)  # mean pause per turn, as overlapping turns have none
        ends = np.cumsum([duration / (1 + self.overlap) + apart for duration in durations])
        needed = int(np.searchsorted(ends, 1_000 * self.seconds)) + 1
        return min(max(needed, len({voice.name for voice, _ in plan})), len(plan))

    def _in_scene(self, tracks: np.ndarray, generator: np.random.Generator) -> Wave:
        """All voices in one room at different places, through one microphone."""
        if self.scene == "dry":
            return close_talking(tracks.sum(0), generator)
        t60, slope, snr = generator.uniform(0.2, 0.6), generator.uniform(0, 6), generator.uniform(10, 25)
        places = [room_response(t60, generator.uniform(0, 8), generator) for _ in tracks]
        wave = sum(reverberate(track, place) for track, place in zip(tracks, places, strict=True))
        wave = mix(np.asarray(wave), colored_noise(tracks.shape[1], slope, generator), snr)
        return at_level(convolve(wave, channel_response(4.0, generator)), generator.uniform(-30, -22))


def _next(waves: Iterator[Wave], count: int) -> list[Wave]:
    return [next(waves) for _ in range(count)]
