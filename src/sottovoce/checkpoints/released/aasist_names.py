"""The names of AASIST's tensors in the authors' code, by those of ours (clovaai/aasist, models/AASIST.py)."""

from __future__ import annotations

PAIR_SCORES = ("att_weight11", "att_weight22", "att_weight12")
"""The vectors that score pairs of temporal, of spectral, and of different nodes; ours are the rows of one matrix."""

BLOCK = {
    "norm": "bn1",
    "convolve": "conv1",
    "middle_norm": "bn2",
    "again": "conv2",
    "around": "conv_downsample",
}
"""Module of a residual block here -> there."""

ATTENTION = {
    "pairs": "att_proj",
    "others": "proj_with_att",
    "own": "proj_without_att",
    "norm": "bn",
}
"""Module of graph attention here -> there."""

STACK = {
    "enter.0": "proj_type1",
    "enter.1": "proj_type2",
    "stack": "att_projM",
    "stack_others": "proj_with_attM",
    "stack_own": "proj_without_attM",
    **{f"graph.{ours}": theirs for ours, theirs in ATTENTION.items()},
}
"""Module of stack attention here -> there."""


def their_modules(blocks: int) -> dict[str, str]:
    """Module of an embedding head -> the same in their model.

    Args:
        blocks: number of residual blocks.
    """
    found = {
        f"map.blocks.{i}.{ours}": f"encoder.{i}.0.{theirs}" for i in range(blocks) for ours, theirs in BLOCK.items()
    }
    for i, kind in enumerate("ST"):
        found |= {f"graphs.attention.{i}.{ours}": f"GAT_layer_{kind}.{theirs}" for ours, theirs in ATTENTION.items()}
        found[f"graphs.pool.{i}.score"] = f"pool_{kind}.proj"
        found |= {f"graphs.branches.{b}.pool.{i}.score": f"pool_h{kind}{b + 1}.proj" for b in range(2)}
    for b in range(2):
        for place, name in enumerate(("first", "second")):
            layer = f"HtrgGAT_layer_ST{b + 1}{place + 1}"
            found |= {f"graphs.branches.{b}.{name}.{ours}": f"{layer}.{theirs}" for ours, theirs in STACK.items()}
    return found


def their_tensors(blocks: int) -> dict[str, tuple[str, ...]]:
    """Bare parameter of an embedding head -> those of theirs that it holds, one after another.

    Args:
        blocks: number of residual blocks.
    """
    modules = their_modules(blocks)
    found: dict[str, tuple[str, ...]] = {"graphs.bands": ("pos_S",)}
    found |= {f"graphs.branches.{b}.stack": (f"master{b + 1}",) for b in range(2)}
    for ours, theirs in modules.items():
        layer = theirs.partition(".")[0]
        if ours.endswith(".graph.pairs"):
            found[f"{ours}.score"] = tuple(f"{layer}.{each}" for each in PAIR_SCORES)
        elif ours.endswith(".pairs"):
            found[f"{ours}.score"] = (f"{layer}.att_weight",)
        elif theirs.endswith(".att_projM"):
            found[f"{ours}.score"] = (f"{layer}.att_weightM",)
    return found


def their_names(name: str, blocks: int, others: dict[str, str]) -> tuple[str, ...]:
    """The names of the tensors in their model whose values, one after another, are those of a tensor of our head.

    Args:
        name: the name of our tensor.
        blocks: number of residual blocks.
        others: further modules of the head, here -> there.

    Raises:
        KeyError: their model has no such tensor.
    """
    bare = their_tensors(blocks)
    if name in bare:
        return bare[name]
    module, _, last = name.rpartition(".")
    return (f"{(their_modules(blocks) | others)[module]}.{last}",)
