"""Learned gates: multipliers on the units of a network, and what drives them to a budget during training.

Modules:
    gate_hooks   multipliers on a network, attached with hooks
    gates        hard-concrete gates on the units of a network
    lagrangian   the Lagrangian that drives the cost to the budget
    ramps        how the target sparsity rises
"""
