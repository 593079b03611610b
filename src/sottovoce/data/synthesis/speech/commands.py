"""Commands to a voice assistant, with intents and slots like those of SLURP.

set an alarm for {time} {date}      scenario alarm, action set, slots time and date
"""

from __future__ import annotations

from dataclasses import dataclass
from string import Formatter

import numpy as np

INTENTS: dict[tuple[str, str], str] = {
    ("alarm", "set"): "set an alarm for {time}; wake me up at {time} {date}; i need an alarm at {time}",
    ("alarm", "remove"): "delete my {time} alarm; cancel the alarm for {time}; remove all alarms",
    ("alarm", "query"): "what alarms do i have {date}; when is my next alarm; show me the alarms for {date}",
    (
        "iot",
        "lights_on",
    ): "turn on the lights in the {house_place}; light up the {house_place}; {house_place} lights on",
    (
        "iot",
        "lights_off",
    ): "turn off the lights in the {house_place}; make the {house_place} dark; {house_place} lights off",
    ("iot", "lights_dim"): "dim the lights in the {house_place}; make the {house_place} less bright",
    ("iot", "lights_color"): "make the lights {color_type}; change the {house_place} lights to {color_type}",
    ("iot", "heating"): "set the heating to {number} degrees; make the {house_place} {number} degrees warm",
    ("music", "play"): "play some {music_genre}; i want to hear {artist_name}; play {music_genre} by {artist_name}",
    ("music", "stop"): "stop the music; no more {music_genre}; be quiet please",
    ("audio", "volume_up"): "make it louder; turn the volume up; volume up by {number}",
    ("audio", "volume_down"): "make it softer; turn the volume down; volume down by {number}",
    ("weather", "query"): "will it be {weather_descriptor} {date}; is it {weather_descriptor} in {place_name}; "
    "weather for {place_name} {date}",
    ("calendar", "set"): "meet {person} {date} at {time}; put {event_name} on my calendar for {date}; "
    "add {event_name} with {person}",
    ("calendar", "remove"): "cancel {event_name} with {person}; delete {event_name} {date}",
    ("calendar", "query"): "what is on my calendar {date}; when do i see {person}; what time is {event_name}",
    ("lists", "add"): "add {food_type} to my {list_name} list; put {food_type} on the {list_name} list",
    ("lists", "remove"): "take {food_type} off my {list_name} list; remove {food_type} from the {list_name} list",
    ("transport", "ticket"): "book a {transport_type} to {place_name}; i need a {transport_type} ticket for {date}",
    ("takeaway", "order"): "order {food_type} for {number}; get me {food_type} from the {business_name}",
}
"""``(scenario, action)`` -> templates of commands, with slots in braces."""

VALUES: dict[str, str] = {
    "time": "six; seven thirty; eight fifteen; nine; noon; ten twenty; half past four; midnight",
    "date": "today; tomorrow; on monday; on friday; next week; this evening; on sunday",
    "house_place": "kitchen; bedroom; garage; bathroom; living room; hall; attic",
    "color_type": "blue; green; red; purple; orange; white",
    "number": "two; three; five; ten; eighteen; twenty; twenty two",
    "music_genre": "jazz; rock; folk songs; piano music; opera; blues",
    "artist_name": "mozart; nina simone; the beatles; johnny cash; chopin",
    "weather_descriptor": "sunny; raining; snowing; windy; cold; foggy",
    "place_name": "london; paris; boston; oslo; dublin; new york",
    "person": "anna; david; my mother; peter; doctor brown; julia",
    "event_name": "lunch; the football game; a meeting; yoga class; the birthday party",
    "food_type": "milk; apples; bread; cheese; pizza; fried rice; coffee",
    "list_name": "shopping; kitchen; weekend; party",
    "transport_type": "train; taxi; bus; ferry",
    "business_name": "corner shop; golden dragon; green cafe",
}
"""Slot -> its possible fillers."""


@dataclass(frozen=True)
class Command:
    """A command and its meaning.

    Attributes:
        text: the words, in lower case.
        scenario, action: the intent.
        slots: type and filler of each slot, in the order of the text.
    """

    text: str
    scenario: str
    action: str
    slots: tuple[tuple[str, str], ...]

    def labels(self) -> dict[str, object]:
        """Custom fields of a supervision, as in the layouts of corpora with intents."""
        return {
            "intent": f"{self.scenario}_{self.action}",
            "scenario": self.scenario,
            "action": self.action,
            "slots": [{"type": kind, "filler": filler} for kind, filler in self.slots],
        }


def command(generator: np.random.Generator, intent: tuple[str, str] | None = None) -> Command:
    """A random command of an intent (a key of `INTENTS`), or of a random one."""
    scenario, action = intent or list(INTENTS)[generator.integers(len(INTENTS))]
    templates = INTENTS[scenario, action].split("; ")
    words, slots = [], []
    for literal, slot, _, _ in Formatter().parse(templates[generator.integers(len(templates))]):
        words.append(literal)
        if slot is not None:
            fillers = VALUES[slot].split("; ")
            slots.append((slot, fillers[generator.integers(len(fillers))]))
            words.append(slots[-1][1])
    return Command("".join(words), scenario, action, tuple(slots))
