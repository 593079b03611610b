"""How a stage makes its model smaller: the plan is carried out, proved and written."""

from __future__ import annotations

from ...encoder.model import SpeechEncoder
from ...models.task_model import TaskModel
from ...pruning.planning.plans import Plan
from ...pruning.slimming import slim_and_verify
from .context import StageContext


def carry_out_plan(
    at: StageContext, model: TaskModel, part: SpeechEncoder | TaskModel, plan: Plan
) -> tuple[TaskModel, dict[str, object]]:
    """Slim a model, prove that it computes what the gated one does, and write the plan.

    Args:
        at: context of the stage.
        model: the network.
        part: what the plan is for: the model or its encoder.
        plan: which elements of each unit stay.

    Returns:
        the smaller model, and what is recorded of it, as plain data.
    """
    small, equality = slim_and_verify(model, plan if part is model else plan.below("encoder"))
    at.run.plan(at.name).parent.mkdir(parents=True, exist_ok=True)
    plan.save(at.run.plan(at.name))
    at.console.print(plan.table(), highlight=False, markup=False, soft_wrap=True)
    for removed in plan.removed_parts():
        at.report(removed.line())
    at.report(f"slim network equals the gated one: largest relative difference {equality.worst:.1e} in float64")
    assert plan.reference is not None
    reference = {"params": plan.reference.params, "macs": plan.reference.macs}
    return small, {"equality": equality.worst, "budget_reference": reference}
