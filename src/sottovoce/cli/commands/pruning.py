"""``sottovoce prune``: make a model smaller in one step, without training."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from ..inference.channel import ChannelOption


class Method(StrEnum):
    magnitude = "magnitude"
    activation = "activation"
    taylor = "taylor"


def prune(
    model: Annotated[str, typer.Argument(help="A model directory, a checkpoint file or a hub id.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="Directory for the smaller model.")],
    budget: Annotated[
        str | None, typer.Option(help="What may be left: params=20%, or params=20M,macs=1.1G,seconds=8.")
    ] = None,
    shape: Annotated[
        Path | None, typer.Option(help="YAML or JSON: widths by kind, in network order, or by name of the unit.")
    ] = None,
    method: Annotated[Method, typer.Option(help="What elements are ranked by.")] = Method.magnitude,
    audio: Annotated[
        Path | None, typer.Option(help="A file or folder of speech, for the methods activation and taylor.")
    ] = None,
    channel: ChannelOption = None,
    kinds: Annotated[str, typer.Option(help="Kinds of unit that may shrink, with commas.")] = "conv,head,ffn",
    round_to: Annotated[
        int | None, typer.Option(help="Multiple of the widths (default: what hardware likes, by kind).", min=1)
    ] = None,
    floor: Annotated[
        list[str] | None,
        typer.Option(help="Fewest that stay of each unit of a kind, path or name: head=1. Repeat it for more."),
    ] = None,
    protect: Annotated[
        list[str] | None,
        typer.Option(help="What stays whole: a kind, path, name or pattern, such as layers.0. Repeat it for more."),
    ] = None,
    encoder_only: Annotated[
        bool, typer.Option("--encoder-only", help="Leave the head behind that a checkpoint has.")
    ] = False,
    portable: Annotated[
        bool, typer.Option(help="Add the code, so that it loads where sottovoce is not installed.")
    ] = False,
) -> None:
    """Prune a model to a budget without training, prove the result, and save it."""
    from sottovoce.checkpoints.origins import name_of
    from sottovoce.cli.terminal import busy, console, new_directory
    from sottovoce.data.batches.unlabeled_speech import speech_batches
    from sottovoce.errors import PlanError, SottovoceError
    from sottovoce.files import whole_directory
    from sottovoce.models.loading import load_pretrained
    from sottovoce.models.model_card import History, write_card
    from sottovoce.pruning.budget import Budget
    from sottovoce.pruning.one_shot import prune as library
    from sottovoce.pruning.one_shot import read_shape
    from sottovoce.pruning.planning.removals import RemovedPartWarning

    new_directory(out)
    if shape is not None and (floor or protect):
        raise SottovoceError("--shape says what stays; leave --floor and --protect out, or give a --budget")
    floors = _floors(floor or ())
    if audio is None and method is not Method.magnitude:
        raise SottovoceError(f"--method {method.value} listens to speech: give some with --audio")
    batches = speech_batches(audio, channel=channel) if audio is not None else ()
    wanted = Budget.parse(budget) if budget is not None else None
    widths = read_shape(shape) if shape is not None else None
    with busy(f"pruning {model}"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RemovedPartWarning)  # printed below, with the options that would help
        try:
            made = library(
                load_pretrained(model, encoder_only=encoder_only),
                wanted,
                shape=widths,
                method=method.value,
                batches=batches,
                kinds=[kind.strip() for kind in kinds.split(",") if kind.strip()],
                round_to=round_to,
                protect=protect or (),
                floors=floors,
            )
        except PlanError as error:
            raise PlanError(_by_option(str(error))) from None
    proof = f"largest relative difference {made.equality.worst:.1e} (float64)"
    with whole_directory(out) as partial:
        made.model.save_pretrained(partial, portable=portable)
        made.plan.save(partial / "plan.json")
        target = f"budget: {budget}" if budget is not None else "to given widths"
        how = [f"started from {name_of(model)}", f"pruned by {method.value}, without training", target]
        how += [f"kinds of unit: {kinds}", f"slim equals gated: {proof}"]
        write_card(partial, made.model, History(out.resolve().name, how, seconds=wanted.seconds if wanted else 1.0))
    screen = console()
    screen.print(made.plan.table(), highlight=False, markup=False, soft_wrap=True)
    for part in made.plan.removed_parts() if budget is not None else ():
        screen.print(
            f"{part}; --floor {part.kind}=1, --protect {part.path} or a larger --budget would keep some",
            soft_wrap=True,
            markup=False,
        )
    screen.print(f"slim equals gated: {proof}", markup=False)
    screen.print(f"written to {out}", markup=False)


def _by_option(message: str) -> str:
    """An error message of the library, with the name of its argument replaced by that of the command's option."""
    argument, colon, rest = message.partition(": ")
    options = {"floors": "--floor", "protect": "--protect", "round_to": "--round-to", "shape": "--shape"}
    return f"{options.get(argument, argument)}{colon}{rest}"


def _floors(given: Iterable[str]) -> dict[str, int]:
    """``head=1`` as ``{"head": 1}``."""
    from sottovoce.errors import PlanError

    found: dict[str, int] = {}
    for each in given:
        key, sign, count = each.rpartition("=")
        if not sign or not key or not count.isdecimal():
            raise PlanError(f"--floor {each}: write what it is of and a number, such as head=1")
        if key in found:
            raise PlanError(f"--floor {each}: {key} has a floor of {found[key]} already; give one")
        found[key] = int(count)
    return found
