"""Random sentences from a small grammar, for synthetic speech.

    sentence  = [time] subject verb object [place]
    subject   = determiner [adjective] person        object = determiner [adjective] thing | number thing-s

    question  = "where" "did" determiner [adjective] person verb determiner thing
    digits    = digit digit digit ...

The words were chosen so that a few sentences contain all phonemes of English.
"""

from __future__ import annotations

import re

import numpy as np

TIMES = (
    "today; yesterday; at noon; each morning; last winter; before lunch; once a year; on thursday; by chance; at dawn"
)
DETERMINERS = "the; a; this; our; their; one; another"
ADJECTIVES = (
    "old; young; quiet; cheerful; yellow; bright; heavy; smooth; clever; lazy; strange; golden; narrow; thirsty; "
    "famous; gentle; broken; polished; royal; sharp; foolish; patient; orange; rough"
)
PEOPLE = (
    "teacher; captain; farmer; judge; sailor; painter; neighbour; child; doctor; singer; uncle; shepherd; queen; "
    "baker; thief; engineer; cousin; gardener; nurse; visitor; boy; woman; lawyer; driver"
)
VERBS = (
    "found; carried; measured; opened; wished for; chose; threw away; painted; bought; watched; asked about; repaired; "
    "borrowed; joined; forgot; noticed; pushed; described; hid; wrapped; shook; voiced; thanked; enjoyed"
)
THINGS = (
    "boat; garden; letter; mirror; bridge; thimble; jar; cushion; fire; orchard; television; house; leather glove; "
    "zebra; basket; chair; feather; clock; mountain; yoghurt; bicycle; candle; vase; loud bell; coin; book; ship"
)
PLACES = (
    "near the river; behind the church; under the table; in the kitchen; on the roof; along the path; at the station; "
    "beyond the hills; outside the theatre; in the village; by the window; over there"
)
NUMBERS = "two; three; four; five; six; seven; eight; nine; twelve; thirty"
DIGITS = "zero; one; two; three; four; five; six; seven; eight; nine"
QUESTIONS = "where; when; why; how"
BARE = (
    "find; carry; measure; open; choose; paint; buy; watch; repair; borrow; join; forget; notice; push; describe; hide; "
    "wrap; shake; thank; enjoy"
)


def sentence(generator: np.random.Generator) -> str:
    """One sentence of 5 to 15 lower-case words, drawn from the grammar."""

    def pick(words: str) -> str:
        return _pick(words, generator)

    def maybe(words: str, probability: float) -> list[str]:
        return [pick(words)] if generator.random() < probability else []

    subject = [pick(DETERMINERS), *maybe(ADJECTIVES, 0.6), pick(PEOPLE)]
    if generator.random() < 0.3:
        number = pick(NUMBERS)
        thing = [number, *maybe(ADJECTIVES, 0.5), pick(THINGS) + "s"]
    else:
        thing = [pick(DETERMINERS), *maybe(ADJECTIVES, 0.5), pick(THINGS)]
    words = [*maybe(TIMES, 0.4), *subject, pick(VERBS), *thing, *maybe(PLACES, 0.5)]
    return _articles(" ".join(words))


def question(generator: np.random.Generator) -> str:
    """One question of 6 to 9 lower-case words, such as ``where did the old teacher hide a mirror``."""
    words = [_pick(QUESTIONS, generator), "did", _pick(DETERMINERS, generator)]
    if generator.random() < 0.4:
        words.append(_pick(ADJECTIVES, generator))
    words += [_pick(PEOPLE, generator), _pick(BARE, generator), _pick(DETERMINERS, generator), _pick(THINGS, generator)]
    return _articles(" ".join(words))


def digits(generator: np.random.Generator) -> str:
    """3 to 7 random digits, as words."""
    return " ".join(_pick(DIGITS, generator) for _ in range(generator.integers(3, 8)))


def _pick(words: str, generator: np.random.Generator) -> str:
    choices = words.split("; ")
    return choices[generator.integers(len(choices))]


def _articles(text: str) -> str:
    return re.sub(r"\ba(?= [aeiou])", "an", text)
