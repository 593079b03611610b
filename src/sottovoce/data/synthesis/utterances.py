"""Corpora of single utterances: invented speakers, each in several sessions, each session in a room of its own."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, ClassVar

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
from .speech.voices import ACCENTS, NATIVE, Voice, invent_voices

_ROOMS, SESSIONS = 16, 3


@dataclass(frozen=True)
class Prompt:
    """What is to be said.

    Attributes:
        text: the words, in lower case.
        custom: further fields of the supervision.
    """

    text: str
    custom: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class PlannedUtterance:
    """One utterance of the corpus before it is heard."""

    name: str
    voice: Voice
    session: int
    room: int
    line: Prompt
    key: tuple[int, ...]


class UtteranceSynthesis(Synthesis):
    """Utterances of many speakers, who talk in several sessions.

    A session has a room, a microphone and a background, so that what two utterances of one session share is not only
    the speaker. No room is on two sides.

    Attributes:
        utterances: of each speaker, at least one a session.
        scene: see `Scene`.
        native: whether all accents are native ones; the others read English letters in their own way, which nobody can
            transcribe.
    """

    native: ClassVar[bool] = True

    utterances: int = Field(ge=SESSIONS)
    scene: Scene = "rooms"

    @abstractmethod
    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Prompt:
        """What the utterance at a place of a split says.

        Args:
            place: among all utterances of the split.
            generator: runs through the split.
            key: of the split, see `balanced_choice`.
        """

    def treat(self, said: PlannedUtterance, wave: Wave) -> Wave:
        """What becomes of a recording."""
        return wave

    def add(self, folder: Path, split: str, script: Sequence[PlannedUtterance]) -> None:
        """Write what else a split needs."""

    def total(self) -> int:
        return sum(self.speakers().values()) * self.utterances

    def write(self, folder: Path, told: FileDone) -> None:
        accents = NATIVE if self.native else ACCENTS
        voices = invent_voices(self.speakers(), np.random.default_rng([self.seed, 0]), accents)
        for split, of_split in voices.items():
            script = self._script(split, of_split, (self.seed, SPLIT_KEYS[split]))
            cuts = []
            for said, wave in zip(script, self._perform(script), strict=True):
                wave = self.treat(said, wave)
                write_wave(folder, said.name, wave)
                traits = {key: value for key, value in asdict(said.voice).items() if key not in ("name", "sex")}
                place = {"session": said.session, "room": said.room} if self.scene == "rooms" else {}
                cuts.append(
                    make_cut(
                        name=said.name,
                        source=said.name,
                        samples=len(wave),
                        rate=SAMPLE_RATE,
                        speaker=said.voice.name,
                        text=said.line.text,
                        gender=said.voice.sex,
                        custom={**place, **said.line.custom, **traits},
                    )
                )
                told()
            write_cuts(cuts, folder / f"{split}.jsonl.gz")
            self.add(folder, split, script)

    def _script(self, split: str, voices: list[Voice], key: tuple[int, int]) -> list[PlannedUtterance]:
        """Who says what, where; round robin over the speakers, so that neighbors in the list are different people."""
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
                        line=self.say(len(script), generator, key),
                        key=(*key, place, number),
                    )
                )
        return script

    def _perform(self, script: Sequence[PlannedUtterance]) -> Iterator[Wave]:
        """The sound of each utterance in its session."""
        requests = [said.voice.utterance(said.line.text, np.random.default_rng([*said.key, 1])) for said in script]
        heard: deque[Wave] = deque(maxlen=16)  # who talks in the background
        for said, voice in zip(script, synthesize_speech(requests, [said.voice for said in script]), strict=True):
            moment = np.random.default_rng([*said.key, 3])
            if self.scene == "dry":
                yield close_talking(voice, moment)
            else:
                yield in_room(voice, list(heard), np.random.default_rng([*said.key[:2], 2, said.room]), moment)
            heard.append(voice)


def balanced_choice(count: int, place: int, *key: int) -> int:
    """Which of ``count`` things stands at a place of an endless row, where one shuffle of them follows another.

    So each comes equally often; and in ever new orders, or the speakers, who take turns, would get some of them only.
    """
    turn, number = divmod(place, count)
    return int(np.random.default_rng([*key, turn]).permutation(count)[number])


def synthesize_speech(requests: Sequence[Utterance], voices: Sequence[Voice], margin: float = 0.1) -> Iterator[Wave]:
    """What espeak-ng says, with the vocal tract of each voice, at 16 kHz, without the silence around.

    Args:
        requests: what to say.
        voices: whose voice each is.
        margin: seconds of silence that stay.

    Raises:
        DataError: as `speak`; or next to nothing was said.
    """
    for request, voice, raw in zip(requests, voices, speak(requests), strict=True):
        wave = trim(soxr.resample(raw, ESPEAK_RATE * voice.tract, SAMPLE_RATE), margin)
        if len(wave) < FRAME_LENGTH:
            raise DataError(f"espeak-ng said nothing for {request.text!r} with {voice}")
        yield wave
