"""The tasks there are, by the name that recipes and models use."""

from .options import Options
from .verification import Verification

TASKS: dict[str, type[Options]] = {
    "verification": Verification,
}
