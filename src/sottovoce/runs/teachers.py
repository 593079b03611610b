"""Teachers for distillation of outputs: models for the same task with a trained head."""

from __future__ import annotations

from pathlib import Path

from ..errors import RecipeError
from ..models.loading import load_pretrained
from ..models.task_model import TaskModel
from ..recipe.encoder_options import head_fault


def load_teacher(source: str | Path) -> TaskModel:
    """Load a task model as a teacher.

    Raises:
        RecipeError: the model has no head.
        CheckpointError: the model cannot be loaded.
    """
    model = load_pretrained(source)
    if not isinstance(model, TaskModel):
        raise RecipeError(f"{source} is an encoder without a head, so it has no logits; leave logits out")
    return model


def check_teacher(teacher: TaskModel, student: TaskModel) -> None:
    """Check that each output of two models has the same meaning.

    Raises:
        RecipeError: task, kind of head, labels, sizes or frames differ.
    """
    if fault := head_fault(teacher.config, student.config, "the student") or _outputs_fault(teacher, student):
        raise RecipeError(f"{fault}; take a teacher for the same task and labels, or leave logits out")


def _outputs_fault(teacher: TaskModel, student: TaskModel) -> str | None:
    theirs, ours = teacher.config.labels, student.config.labels
    if theirs != ours:
        other = next((label for label in theirs or () if label not in (ours or ())), None)
        named = f", {other!r} among them" if other is not None else " in another order or fewer"
        return f"its outputs are {len(theirs or ())} labels{named}, the student's {len(ours or ())}"
    if teacher.head.size != student.head.size:
        return f"its head has {teacher.head.size} outputs, the student's {student.head.size}"
    frames = [each.head.output_lengths(each.timing(8.0).frames) for each in (teacher, student)]
    if frames[0] != frames[1]:
        return f"it makes {frames[0]} frames of 8 s, the student {frames[1]}"
    return None
