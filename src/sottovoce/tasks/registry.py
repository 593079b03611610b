"""The tasks there are, by the name that recipes and models use."""

from .options import Options
from .spoofing import Spoofing
from .verification import Verification

TASKS: dict[str, type[Options]] = {
    "spoofing": Spoofing,
    "verification": Verification,
}
