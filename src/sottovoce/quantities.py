"""The sample rate of every model, and types that say in which unit a number is."""

from __future__ import annotations

from typing import TypeAlias

SAMPLE_RATE = 16_000
"""Samples in a second of the audio that models take."""

Seconds: TypeAlias = float

Milliseconds: TypeAlias = float

Params: TypeAlias = int
"""Parameters of a network, counted one by one."""

Macs: TypeAlias = int
"""Multiply-accumulate operations of a forward pass."""
