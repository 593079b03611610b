"""Errors that the user can correct: one line that names the thing, the numbers and the remedy."""


class SottovoceError(ValueError):
    """Base of every error that the user can correct. The command line prints it as one line and exits with 2."""


class CheckpointError(SottovoceError):
    """A checkpoint that is missing, damaged, of an unknown kind, or does not fit its config."""


class AudioError(SottovoceError):
    """Audio that cannot be read or cannot be used as it is."""


class InferenceError(SottovoceError):
    """A model whose output is NaN or infinite."""


class BudgetError(SottovoceError):
    """A budget that cannot be met or contradicts itself."""


class PlanError(SottovoceError):
    """A plan or shape that does not fit the network it is applied to."""


class RecipeError(SottovoceError):
    """A recipe, or a section of one, with unknown keys, values out of range or parts that contradict one another."""


class DistillationError(SottovoceError):
    """A teacher and a student, or layers to imitate, that do not fit together."""


class TrainingError(SottovoceError):
    """A network that cannot be trained with the given options, or whose training has failed."""


class DataError(SottovoceError):
    """Manifests, corpora, trials or scores that cannot be read or do not fit together."""


class StreamingError(SottovoceError):
    """An encoder that cannot work chunk by chunk, or chunks that do not fit it."""


class PluginError(SottovoceError):
    """An extension of another package that is missing, has a name that is taken, or cannot be imported."""
