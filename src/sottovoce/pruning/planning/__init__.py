"""From scores to a plan: which elements of each unit stay under a budget.

Modules:
    candidates        which widths each unit may have
    feasibility       whether a budget can be met at all, and if not, what prevents it
    plans             the plan: which elements of every unit stay
    removals          blocks and layers that a plan removes completely
    scores            how important every element of every unit is
    width_selection   the choice of widths under constraints
"""
