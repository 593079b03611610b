"""A corpus without any recording: many invented speakers in invented rooms, to learn and to test on.

    corpus/
      audio/{train,test}/<speaker>/<number>.wav
      train.jsonl.gz  test.jsonl.gz      Lhotse cuts; paths count from this folder, so that it can be moved
      trials.txt                         pairs of test utterances
      corpus.json                        what it was made with

Speakers of the two sides share no voice variant, and no room. Each speaker talks in several sessions; a session has a
room, a microphone and a background, so that what two utterances of one session share is not only the speaker.
"""

from __future__ import annotations

import io
import json
import shutil
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray

from ..encoder.errors import DataError
from ..metrics.trials import Trials
from .acoustics import Wave, babble, channel_response, coloured_noise, convolve, mix, power, reverberate, room_response
from .audio import SAMPLE_RATE, SHORTEST
from .cuts import make_cut, require_lhotse, write_cuts
from .espeak import ESPEAK_RATE, require_espeak, speak
from .sentences import sentence
from .voices import Voice, invent_voices

FORMAT = 1
"""Version of the recipe in this file: corpora of another version are not taken for the same."""

_ROOMS, _SESSIONS = 16, 3
_TARGETS, _NEAREST = 40, 3

Progress = Callable[[int, int], None]
"""``progress(done, total)`` utterances."""


@dataclass(frozen=True)
class Corpus:
    """Where the parts of a synthesised corpus lie."""

    folder: Path

    @property
    def train(self) -> Path:
        """Cuts to train on."""
        return self.folder / "train.jsonl.gz"

    @property
    def test(self) -> Path:
        """Cuts of other speakers."""
        return self.folder / "test.jsonl.gz"

    @property
    def trials(self) -> Path:
        """Pairs of test cuts."""
        return self.folder / "trials.txt"


@dataclass(frozen=True)
class _Said:
    """One utterance of the corpus before it is heard."""

    name: str
    voice: Voice
    session: int
    room: int
    text: str
    key: tuple[int, ...]


def synthesize(
    out: str | Path,
    *,
    task: str = "verification",
    speakers_train: int = 80,
    speakers_test: int = 40,
    utterances: int = 12,
    seed: int = 0,
    progress: Progress | None = None,
) -> Corpus:
    """Make a corpus for a task, or find it made.

    The same arguments give the same corpus. It appears under its name only when it is whole; a folder that already
    holds the corpus of these arguments is left as it is.

    Args:
        out: the folder; it must not exist, be empty, or hold this corpus.
        task: "verification": cuts with speakers, and trials: for each test speaker up to 40 pairs across sessions and
            sentences, as many against any other speaker and as many against one of the three nearest of its sex.
        speakers_train, speakers_test: speakers of each side, half of each sex.
        utterances: of each speaker, 2 to 5 seconds each.
        seed: of everything.
        progress: called after each utterance.

    Raises:
        DataError: the task is unknown, a number is too small, ``out`` holds something else or cannot be written,
            espeak-ng or Lhotse is missing.
    """
    if task != "verification":
        raise DataError(f"synthesize: no synthetic corpus for the task {task!r}; known is 'verification'")
    if utterances < _SESSIONS:
        raise DataError(f"synthesize: utterances must be at least {_SESSIONS} (one a session), got {utterances}")
    settings = {
        "format": FORMAT,
        "task": task,
        "speakers_train": speakers_train,
        "speakers_test": speakers_test,
        "utterances": utterances,
        "seed": seed,
    }
    out = Path(out)
    if _is_made(out, settings):
        return Corpus(out)
    require_espeak()
    require_lhotse()
    voices = invent_voices(speakers_train, speakers_test, np.random.default_rng([seed, 0]))
    sides = {
        side: _write_script(side, of_side, utterances, (seed, number))
        for number, (side, of_side) in enumerate(zip(("train", "test"), voices, strict=True), 1)
    }
    total, done = sum(map(len, sides.values())), 0
    partial = out.with_name(f".{out.name}.partial")
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for side, script in sides.items():
            cuts = []
            for said, wave in zip(script, _perform(script), strict=True):
                (partial / said.name).parent.mkdir(parents=True, exist_ok=True)
                file = io.BytesIO()  # soundfile itself would wait for the disk after each file
                soundfile.write(file, wave, SAMPLE_RATE, subtype="PCM_16", format="WAV")
                (partial / said.name).write_bytes(file.getvalue())
                cuts.append(
                    make_cut(
                        name=said.name,
                        source=said.name,
                        samples=len(wave),
                        rate=SAMPLE_RATE,
                        speaker=said.voice.name,
                        text=said.text,
                        gender=said.voice.sex,
                        custom={"session": said.session, "room": said.room, **_traits(said.voice)},
                    )
                )
                done += 1
                if progress is not None:
                    progress(done, total)
            write_cuts(cuts, partial / f"{side}.jsonl.gz")
        _pair(sides["test"], np.random.default_rng([seed, 3])).save(partial / "trials.txt")
        (partial / "corpus.json").write_text(json.dumps(settings, indent=2) + "\n")
        if out.is_dir():
            out.rmdir()  # it is empty
        partial.rename(out)
    except OSError as error:
        raise DataError(f"{out}: cannot be written ({error.strerror or error})") from error
    return Corpus(out)


def _is_made(out: Path, settings: dict[str, object]) -> bool:
    """Whether the corpus is there already; anything else in its place is an error."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return False
    try:
        found = json.loads((out / "corpus.json").read_text())
    except (OSError, ValueError) as error:
        raise DataError(f"{out}: exists and is no synthetic corpus; choose another folder") from error
    if found != settings:
        differing = ", ".join(
            f"{key} {found.get(key)} -> {settings[key]}" for key in settings if found.get(key) != settings[key]
        )
        raise DataError(f"{out}: holds a corpus made otherwise ({differing}); choose another folder or remove it")
    return True


def _traits(voice: Voice) -> dict[str, object]:
    return {key: value for key, value in asdict(voice).items() if key not in ("name", "sex")}


def _write_script(side: str, voices: list[Voice], utterances: int, key: tuple[int, int]) -> list[_Said]:
    """Who says what, where; round robin over the speakers, so that neighbours in the list are different people."""
    generator = np.random.default_rng([*key, 0])
    rooms = [generator.permutation(_ROOMS)[:_SESSIONS] for _ in voices]
    script = []
    for number in range(utterances):
        session = number * _SESSIONS // utterances
        for place, voice in enumerate(voices):
            script.append(
                _Said(
                    name=f"audio/{side}/{voice.name}/{number:03d}.wav",
                    voice=voice,
                    session=session,
                    room=int(rooms[place][session]),
                    text=sentence(generator),
                    key=(*key, place, number),
                )
            )
    return script


def _perform(script: list[_Said]) -> Iterator[Wave]:
    """The sound of each utterance in its session."""
    requests = [said.voice.utterance(said.text, np.random.default_rng([*said.key, 1])) for said in script]
    heard: deque[Wave] = deque(maxlen=16)  # who talks in the background
    for said, dry in zip(script, speak(requests), strict=True):
        voice = _trim(soxr.resample(dry, ESPEAK_RATE * said.voice.tract, SAMPLE_RATE))
        if len(voice) < SHORTEST:
            raise DataError(f"espeak-ng said nothing for {said.text!r} with {said.voice}")
        yield _place(voice, said, list(heard))
        heard.append(voice)


def _trim(wave: NDArray[np.float32]) -> Wave:
    """Without the silence that espeak-ng puts around, but for a tenth of a second."""
    loud = np.flatnonzero(np.abs(wave) > 0.01 * np.abs(wave).max())
    margin = SAMPLE_RATE // 10
    return wave[max(0, loud[0] - margin) : loud[-1] + margin] if len(loud) else wave[:0]


def _place(wave: Wave, said: _Said, others: list[Wave]) -> Wave:
    """Put a dry voice into the room of its session, in front of its background, through its microphone."""
    side = said.key[:2]
    room = np.random.default_rng([*side, 2, said.room])
    t60, ratio, slope = room.uniform(0.2, 0.8), room.uniform(-3, 8), room.uniform(0, 6)
    crowd, snr, telephone = room.random() < 0.4, room.uniform(6, 20), room.random() < 0.3
    microphone = channel_response(5.0, room, **({"low": 300, "high": 3_400} if telephone else {}))

    moment = np.random.default_rng([*said.key, 3])
    wave = reverberate(wave, room_response(t60, ratio, moment))  # people move: the tail is never the same
    if crowd and len(others) > 2:
        chosen = moment.permutation(len(others))[: int(moment.integers(3, 7))]
        noise = babble([others[i] for i in chosen.tolist()], len(wave), moment)
    else:
        noise = coloured_noise(len(wave), slope, moment)
    wave = convolve(mix(wave, noise, snr + moment.normal(0, 2)), microphone)
    level = 10 ** (moment.uniform(-32, -20) / 20)
    wave = wave * np.float32(level / np.sqrt(power(wave)))
    return wave * np.float32(min(1.0, 0.99 / np.abs(wave).max()))


def _pair(script: list[_Said], generator: np.random.Generator) -> Trials:
    """Trials over the test side; see `synthesize`."""
    by_speaker: dict[str, list[_Said]] = {}
    for said in script:
        by_speaker.setdefault(said.voice.name, []).append(said)
    voices = {name: own[0].voice for name, own in by_speaker.items()}
    pairs: dict[tuple[str, str], bool] = {}

    def add(a: _Said, b: _Said, *, target: bool) -> bool:
        if (a.name, b.name) in pairs or (b.name, a.name) in pairs:
            return False
        pairs[a.name, b.name] = target
        return True

    for name, own in by_speaker.items():
        same = [(a, b) for a in own for b in own if a.name < b.name and a.session != b.session and a.text != b.text]
        chosen = generator.permutation(len(same))[:_TARGETS].tolist()
        for index in chosen:
            add(*same[index], target=True)
        anyone = [other for other in voices if other != name]
        of_sex = [other for other in anyone if voices[other].sex == voices[name].sex] or anyone
        nearest = sorted(of_sex, key=lambda other: voices[name].distance(voices[other]))[:_NEAREST]
        for strangers in (anyone, nearest):
            found = tries = 0
            while found < len(chosen) and tries < 20 * len(chosen):
                other = by_speaker[strangers[generator.integers(len(strangers))]]
                a, b = own[generator.integers(len(own))], other[generator.integers(len(other))]
                found += a.text != b.text and add(a, b, target=False)
                tries += 1
    left, right = zip(*pairs, strict=True)
    return Trials(list(left), list(right), np.array(list(pairs.values())))
