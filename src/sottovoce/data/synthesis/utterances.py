"""Synthetic corpora of single utterances: each speaker talks in several sessions, and each session has its own room."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar

import numpy as np
import soxr
from pydantic import Field

from ...errors import DataError
from ...quantities import SAMPLE_RATE
from ..audio.acoustics import Wave
from ..audio.frames import FRAME_LENGTH
from ..corpora.cuts import make_cut, write_cuts
from .base import SPLIT_KEYS, FileDone, Scene, Synthesis, write_wave
from .scenes import close_talking, in_room, trim
from .speech.espeak import ESPEAK_RATE, Utterance, speak
from .speech.voices import ACCENTS, NATIVE, Voice, draw_voices

_ROOMS, SESSIONS = 16, 3


@dataclass(frozen=True)
class Prompt:
    """A text to be spoken.

    Attributes:
        text: the words, in lower case.
        custom: further fields of the supervision.
    """

    text: str
    custom: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedUtterance:
    """An utterance of the corpus before it is synthesized."""

    name: str
    voice: Voice
    session: int
    room: int
    prompt: Prompt
    key: tuple[int, ...]


class UtteranceSynthesis(Synthesis):
    """Utterances of many speakers, who talk in several sessions.

    A session has its own room, microphone and background, so that two utterances of a session share more than the speaker.
    No room is in two splits.

    Attributes:
        utterances: number of utterances of each speaker, at least one in each session.
        scene: see `Scene`.
        native: whether only native accents are used. Foreign accents read English by their own spelling rules, so their
            speech does not match the transcript.
    """

    native: ClassVar[bool] = True

    utterances: int = Field(ge=SESSIONS)
    scene: Scene = "rooms"

    @abstractmethod
    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        """The text of an utterance.

        Args:
            place: index of the utterance in its split.
            generator: random generator of the split.
            key: key of the split, for `balanced_choice`.
        """

    def process(self, planned: PlannedUtterance, wave: Wave) -> Wave:
        """Process a recording; by default it is unchanged."""
        return wave

    def add(self, folder: Path, split: str, script: Sequence[PlannedUtterance]) -> None:
        """Write further files of a split; by default there are none."""

    def total(self) -> int:
        return sum(self.speakers().values()) * self.utterances

    def write(self, folder: Path, file_done: FileDone) -> None:
        accents = NATIVE if self.native else ACCENTS
        voices = draw_voices(self.speakers(), np.random.default_rng([self.seed, 0]), accents)
        for split, of_split in voices.items():
            script = self._script(split, of_split, (self.seed, SPLIT_KEYS[split]))
            cuts = []
            for planned, wave in zip(script, self._perform(script), strict=True):
                wave = self.process(planned, wave)
                write_wave(folder, planned.name, wave)
                traits = {key: value for key, value in asdict(planned.voice).items() if key not in ("name", "sex")}
                place = {"session": planned.session, "room": planned.room} if self.scene == "rooms" else {}
                cuts.append(
                    make_cut(
                        name=planned.name,
                        source=planned.name,
                        samples=len(wave),
                        rate=SAMPLE_RATE,
                        speaker=planned.voice.name,
                        text=planned.prompt.text,
                        gender=planned.voice.sex,
                        custom={**place, **planned.prompt.custom, **traits},
                    )
                )
                file_done()
            write_cuts(cuts, folder / f"{split}.jsonl.gz")
            self.add(folder, split, script)

    def _script(self, split: str, voices: list[Voice], key: tuple[int, int]) -> list[PlannedUtterance]:
        """The planned utterances of a split, round robin over the speakers, so that neighbors have different speakers."""
        generator = np.random.default_rng([*key, 0])
        rooms = [generator.permutation(_ROOMS)[:SESSIONS] for _ in voices]
        script: list[PlannedUtterance] = []
        for number in range(self.utterances):
            session = number * SESSIONS // self.utterances
            for place, voice in enumerate(voices):
                script.append(
                    PlannedUtterance(
                        name=f"audio/{split}/{voice.name}/{number:03d}.wav",
                        voice=voice,
                        session=session,
                        room=int(rooms[place][session]),
                        prompt=self.say(len(script), generator, key),
                        key=(*key, place, number),
                    )
                )
        return script

    def _perform(self, script: Sequence[PlannedUtterance]) -> Iterator[Wave]:
        """The waveform of each utterance in its session."""
        requests = [
            planned.voice.utterance(planned.prompt.text, np.random.default_rng([*planned.key, 1])) for planned in script
        ]
        background: deque[Wave] = deque(maxlen=16)  # voices for the background
        for planned, voice in zip(
            script, synthesize_speech(requests, [planned.voice for planned in script]), strict=True
        ):
            moment = np.random.default_rng([*planned.key, 3])
            if self.scene == "dry":
                yield close_talking(voice, moment)
            else:
                yield in_room(
                    voice, list(background), np.random.default_rng([*planned.key[:2], 2, planned.room]), moment
                )
            background.append(voice)


def balanced_choice(count: int, place: int, *key: int) -> int:
    """The item (0 to ``count - 1``) at a place of an endless sequence of permutations.

    All items are equally frequent. The order differs between permutations, so that a speaker gets different items.
    """
    turn, number = divmod(place, count)
    return int(np.random.default_rng([*key, turn]).permutation(count)[number])


def synthesize_speech(requests: Sequence[Utterance], voices: Sequence[Voice], margin: float = 0.1) -> Iterator[Wave]:
    """Speech by espeak-ng with the vocal tract of each voice, at 16 kHz, without the silence around it.

    Args:
        requests: the utterances to synthesize.
        voices: the voice of each.
        margin: seconds of silence that are kept.

    Raises:
        DataError: as `speak`; or an utterance is shorter than a frame.
    """
    for request, voice, raw in zip(requests, voices, speak(requests), strict=True):
        wave = trim(soxr.resample(raw, ESPEAK_RATE * voice.tract, SAMPLE_RATE), margin)
        if len(wave) < FRAME_LENGTH:
            raise DataError(f"espeak-ng said nothing for {request.text!r} with {voice}")
        yield wave
