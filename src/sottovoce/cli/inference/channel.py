"""``--channel N`` or ``--channel mix``, for every command that reads recordings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

if TYPE_CHECKING:
    from sottovoce.data.audio.channels import Channel


def parse_channel(text: str) -> Channel:
    """A channel as it stands on the command line.

    Raises:
        typer.BadParameter: the text is neither a number from 0 nor ``mix``.
    """
    if text == "mix":
        return "mix"
    if text.isascii() and text.isdecimal():
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a channel, counted from 0, nor 'mix', the mean of all")


if TYPE_CHECKING:
    ChannelOption: TypeAlias = Channel | None
else:  # a type that typer does not support; the parser converts it
    ChannelOption = Annotated[
        object,
        typer.Option(
            "--channel",
            parser=parse_channel,
            metavar="N|mix",
            help="Channel of files with several, from 0; mix: the mean.",
        ),
    ]
