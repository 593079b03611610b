"""The terms of a stage's loss, made from its options."""

from __future__ import annotations

from ...distillation.features import FeatureDistillation
from ...distillation.logits import LogitsDistillation
from ...models.task_model import TaskModel
from ...recipe.distillation_options import DistillationOptions
from ...recipe.training.training_stage_options import TrainingStageOptions
from ...training.terms import DistillationTerm, TaskTerm
from ..teachers import check_teacher, load_teacher
from .context import StageContext


def task_term(at: StageContext, options: TrainingStageOptions, model: TaskModel, weight: float = 1.0) -> TaskTerm:
    """The task's loss over the labels of the training data.

    Its weights are loaded from the stage before for the labels that both have. The number of new labels is reported.

    Args:
        at: context of the stage.
        options: options of the stage.
        model: the network that is trained.
        weight: weight of the term in the sum.
    """
    # Where outputs are classes, the labels were fixed when the head was made.
    labels = at.task.labels(at.train_cuts(options))
    labels = model.config.labels or labels
    objective = at.task.with_loss(options.loss).objective(model, labels)
    if (saved := at.saved_objective(options)) is not None:
        known = objective.load_matching(*saved)
        if known < len(labels):
            at.report(
                f"{len(labels)} labels, {known} of them known to the stage before: the classifier of others is new"
            )
    return TaskTerm(objective, weight=weight, lr=options.lr.head, weight_decay=options.weight_decay)


def distillation_term(
    at: StageContext, options: TrainingStageOptions, model: TaskModel, distillation: DistillationOptions
) -> DistillationTerm:
    """Distillation of hidden states and outputs from a teacher.

    Args:
        at: context of the stage.
        options: options of the stage.
        model: the student.
        distillation: the teacher, and which of its states and outputs are distilled.
    """
    logits = _logits_distillation(at, options, model, distillation)
    features = None
    if layers := distillation.chosen(model.config.encoder.num_hidden_layers):
        features = FeatureDistillation(
            logits.teacher.encoder if logits is not None else at.encoder(distillation.teacher),
            model.encoder,
            layers,
            projections=distillation.projections,
            l1=distillation.l1,
            cosine=distillation.cosine,
            reduction=distillation.reduction,
        )
    return DistillationTerm(features, logits, weight=distillation.weight, lr=options.lr.encoder)


def _logits_distillation(
    at: StageContext, options: TrainingStageOptions, model: TaskModel, distillation: DistillationOptions
) -> LogitsDistillation | None:
    logits = distillation.logits
    if logits is None:
        return None
    teacher = load_teacher(at.source(distillation.teacher))
    check_teacher(teacher, model)
    loss = at.task.with_loss(options.loss).distillation_loss(model, teacher, logits.temperature)
    return LogitsDistillation(teacher, loss, weight=logits.weight)
