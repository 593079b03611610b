"""Stages: one file each, and one line here."""

from ...options import Options
from .adapt import Adapt
from .distill import Distill
from .factorize import Factorize
from .fine_tune import FineTune
from .prune import Prune
from .slim import Slim

STAGES: dict[str, type[Options]] = {
    "fine_tune": FineTune,
    "adapt": Adapt,
    "factorize": Factorize,
    "prune": Prune,
    "slim": Slim,
    "distill": Distill,
}
"""What a recipe's stages can be."""
