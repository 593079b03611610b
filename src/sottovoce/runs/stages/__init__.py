"""Stages: one file each, and one line here."""

from ...options import Options
from .adapt import Adapt
from .distill import Distil
from .factorize import Factorise
from .fine_tune import FineTune
from .prune import Prune
from .slim import Slim

STAGES: dict[str, type[Options]] = {
    "fine_tune": FineTune,
    "adapt": Adapt,
    "factorise": Factorise,
    "prune": Prune,
    "slim": Slim,
    "distil": Distil,
}
"""What a recipe's stages can be."""
