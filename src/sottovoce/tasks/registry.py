"""All tasks, by the name that recipes and models use."""

from ..options import Options
from ..plugins import Registry
from .diarization import Diarization
from .intent import Intent
from .recognition import Recognition
from .spoofing import Spoofing
from .verification import Verification

TASKS: Registry[type[Options]] = Registry(
    "task",
    "sottovoce.tasks",
    {
        "diarization": Diarization,
        "intent": Intent,
        "recognition": Recognition,
        "spoofing": Spoofing,
        "verification": Verification,
    },
)
