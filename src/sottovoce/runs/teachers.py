"""Teachers whose outputs are imitated: models for the same task, whose head has learned something."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import RecipeError
from ..models.load import is_task_model, load_model
from ..models.task_model import TaskModel
from ..recipe.encoder_options import head_fault
from .provenance import START, starts

if TYPE_CHECKING:
    from ..recipe.training_stage_options import DistillationOptions
    from .recipe import Recipe


def load_teacher(source: str | Path) -> TaskModel:
    """A task model to imitate.

    Raises:
        RecipeError: an encoder without a head.
        CheckpointError: it cannot be loaded.
    """
    model = load_model(source)
    if not isinstance(model, TaskModel):
        raise RecipeError(f"{source} is an encoder without a head, so it has no logits; leave logits out")
    return model


def check_teacher(teacher: TaskModel, student: TaskModel) -> None:
    """Check that the outputs of two models mean the same, one by one.

    Raises:
        RecipeError: another task or kind of head, other labels, sizes or frames.
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


def logits_problems(recipe: Recipe, distillation: DistillationOptions, model: TaskModel) -> Iterator[str]:
    """What is wrong with the teacher of a stage that imitates logits, before anything is trained.

    Args:
        recipe: the whole run.
        distillation: of one of its stages.
        model: before all stages.
    """
    if distillation.logits is None:
        return
    name = distillation.teacher
    try:
        if name in (START, *recipe.names()):
            if not _head_is_trained(recipe, name):
                yield f"teacher: the head of {name} has not been trained, so its logits say nothing; fine-tune before"
            teacher = model
        else:
            teacher = load_teacher(name)
            check_teacher(teacher, model)
        recipe.task.options.distillation_loss(model, teacher, distillation.logits.temperature)
    except RecipeError as error:
        yield f"logits: teacher {name}: {error}"


def _head_is_trained(recipe: Recipe, name: str) -> bool:
    chain = starts(recipe.resolved())
    stages = dict(zip(recipe.names(), (entry.options for entry in recipe.stages), strict=True))
    while name in chain:
        if stages[name].trains_head:
            return True
        name = chain[name]
    source = recipe.encoder.source
    return source is not None and recipe.encoder.head != "new" and is_task_model(source)
