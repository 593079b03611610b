"""Invented coffee orders, spoken by invented voices: what `recipes/intent-barista.yaml` hears among the real ones.

    python benchmarks/coffee_orders.py OUT [--orders 1500] [--seed 0]

Writes OUT/train.jsonl.gz: cuts with the six slots of barista619 as fields. The menu is that of barista619's training
set; how orders are worded is made up, for the corpus has no transcripts. Nothing is taken from its recordings.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from sottovoce.data.corpora.cuts import make_cut, write_cuts
from sottovoce.data.synthesis.base import write_wave
from sottovoce.data.synthesis.scenes import at_level
from sottovoce.data.synthesis.speech.voices import NATIVE, draw_voices
from sottovoce.data.synthesis.utterances import synthesize_speech
from sottovoce.quantities import SAMPLE_RATE

MENU = {
    "drink": "iced mocha; mocha; cappuccino; house coffee; americano; iced coffee; coffee; latte; drip coffee; espresso",
    "size": "eight ounce; twelve ounce; sixteen ounce; twenty ounce; small; medium; large",
    "roast": "dark roast; medium roast; light roast",
    "shots": "single shot; double shot; triple shot",
    "milk": "milk; soy milk; almond milk; skim milk; whole milk; cream",
    "sugar": "sugar; brown sugar; sweetener",
}
ASKING = (
    "; could i get; can i have; may i please have; i'd like; i would like; let me get; i want; give me; get me;"
    " i'll have; could you make me; please make; can you get me"
)
AMOUNTS = "; ; some; a lot of; lots of; a bit of; a little bit of"
VOICES = 120


def order(generator: np.random.Generator) -> tuple[str, dict[str, str]]:
    """The words of an order, and its slots (``none`` where nothing is said of one)."""

    def pick(choices: str) -> str:
        options = choices.split(";")
        return options[generator.integers(len(options))].strip()

    slots = {name: pick(menu) if name == "drink" or generator.random() < 0.5 else "none" for name, menu in MENU.items()}
    before, behind = [], []
    for name in generator.permutation(["roast", "shots"]):
        if slots[name] != "none":
            (before if generator.random() < 0.7 else behind).append(slots[name])
    added = [
        f"{pick(AMOUNTS)} {slots[name]}".strip()
        for name in generator.permutation(["milk", "sugar"])
        if slots[name] != "none"
    ]
    size = [] if slots["size"] == "none" else [slots["size"]]
    asked = pick(ASKING)
    words = [asked, *(["a"] if asked else []), *size, *before, slots["drink"]]
    if behind or added:
        words += ["with", " and ".join(["a " + each for each in behind] + added)]
    if generator.random() < 0.3:
        words.append("please")
    return " ".join(" ".join(words).split()), slots


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--orders", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generator = np.random.default_rng(options.seed)
    voices = draw_voices({"train": VOICES}, generator, NATIVE)["train"]
    orders = [(voices[number % VOICES], *order(generator)) for number in range(options.orders)]
    cuts = []
    requests = [voice.utterance(text, generator) for voice, text, _ in orders]
    heard = synthesize_speech(requests, [voice for voice, _, _ in orders])
    for number, ((voice, text, slots), wave) in enumerate(zip(orders, heard, strict=True)):
        name = f"audio/{number:05d}.wav"
        write_wave(options.out, name, at_level(wave, -26))
        about = dict(speaker=voice.name, text=text, gender=voice.sex, custom={"intent": "orderDrink", **slots})
        cuts.append(make_cut(name=name, source=name, samples=len(wave), rate=SAMPLE_RATE, **about))
    write_cuts(cuts, options.out / "train.jsonl.gz")
    print(
        f"{len(cuts)} orders, {sum(cut.duration for cut in cuts) / 3600:.2f} h, such as {cuts[0].supervisions[0].text!r}"
    )


if __name__ == "__main__":
    main()
