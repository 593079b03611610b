"""The tasks there are, by the name that recipes and models use."""

from ..options import Options
from .diarization import Diarization
from .intent import Intent
from .recognition import Recognition
from .spoofing import Spoofing
from .verification import Verification

TASKS: dict[str, type[Options]] = {
    "diarization": Diarization,
    "intent": Intent,
    "recognition": Recognition,
    "spoofing": Spoofing,
    "verification": Verification,
}
