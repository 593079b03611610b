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
from ..audio.acoustics import Wave
from ..audio.reading import SAMPLE_RATE, SHORTEST
from ..corpora.cuts import make_cut, write_cuts
from .base import KEYS, Scene, Synthesis, Told, write_wave
from .scenes import dry, in_room, trim
from .speech.espeak import ESPEAK_RATE, Utterance, speak
from .speech.voices import ACCENTS, NATIVE, Voice, invent_voices

_ROOMS, SESSIONS = 16, 3


@dataclass(frozen=True)
class Line:
    """What is to be said.

    Attributes:
        text: the words, in lower case.
        custom: further fields of the supervision.
    """

    text: str
    custom: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Said:
    """One utterance of the corpus before it is heard."""

    name: str
    voice: Voice
    session: int
    room: int
    line: Line
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
    def say(self, place: int, generator: np.random.Generator, key: tuple[int, int]) -> Line:
        """What the utterance at a place of a split says.

        Args:
            place: among all utterances of the split.
            generator: runs through the split.
            key: of the split, see `dealt`.
        """

    def treat(self, said: Said, wave: Wave) -> Wave:
        """What becomes of a recording."""
        return wave

    def add(self, folder: Path, split: str, script: Sequence[Said]) -> None:
        """Write what else a split needs."""

    def total(self) -> int:
        return sum(self.speakers().values()) * self.utterances

    def write(self, folder: Path, told: Told) -> None:
        accents = NATIVE if self.native else ACCENTS
        voices = invent_voices(self.speakers(), np.random.default_rng([self.seed, 0]), accents)
        for split, of_split in voices.items():
            script = self._script(split, of_split, (self.seed, KEYS[split]))
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

    def _script(self, split: str, voices: list[Voice], key: tuple[int, int]) -> list[Said]:
        """Who says what, where; round robin over the speakers, so that neighbors in the list are different people."""
        generator = np.random.default_rng([*key, 0])
        rooms = [generator.permutation(_ROOMS)[:SESSIONS] for _ in voices]
        script: list[Said] = []
        for number in range(self.utterances):
            session = number * SESSIONS // self.utterances
            for place, voice in enumerate(voices):
                script.append(
                    Said(
                        name=f"audio/{split}/{voice.name}/{number:03d}.wav",
                        voice=voice,
                        session=session,
                        room=int(rooms[place][session]),
                        line=self.say(len(script), generator, key),
                        key=(*key, place, number),
                    )
                )
        return script

    def _perform(self, script: Sequence[Said]) -> Iterator[Wave]:
        """The sound of each utterance in its session."""
        requests = [said.voice.utterance(said.line.text, np.random.default_rng([*said.key, 1])) for said in script]
        heard: deque[Wave] = deque(maxlen=16)  # who talks in the background
        for said, voice in zip(script, voiced(requests, [said.voice for said in script]), strict=True):
            moment = np.random.default_rng([*said.key, 3])
            if self.scene == "dry":
                yield dry(voice, moment)
            else:
                yield in_room(voice, list(heard), np.random.default_rng([*said.key[:2], 2, said.room]), moment)
            heard.append(voice)


def dealt(count: int, place: int, *key: int) -> int:
    """Which of ``count`` things stands at a place of an endless row, where one shuffle of them follows another.

    So each comes equally often; and in ever new orders, or the speakers, who take turns, would get some of them only.
    """
    turn, number = divmod(place, count)
    return int(np.random.default_rng([*key, turn]).permutation(count)[number])


def voiced(requests: Sequence[Utterance], voices: Sequence[Voice], margin: float = 0.1) -> Iterator[Wave]:
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
        if len(wave) < SHORTEST:
            raise DataError(f"espeak-ng said nothing for {request.text!r} with {voice}")
        yield wave
