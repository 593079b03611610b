"""The published embedders written down plainly: one utterance, no padding, evaluation mode, weights looked up by name.

``p`` holds parameters and buffers by name, ``x`` is ``[C, T]`` (features and frames of one utterance).
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

Weights = dict[str, Tensor]


def linear(p: Weights, name: str, x: Tensor) -> Tensor:
    """A matrix on vectors ``[C]`` or on the columns of ``[C, T]``."""
    y = p[f"{name}.weight"].flatten(1) @ x
    bias = p.get(f"{name}.bias")
    return y if bias is None else (y.t() + bias).t()


def conv(p: Weights, name: str, x: Tensor, dilation: int = 1) -> Tensor:
    """Tap by tap: frame ``t`` hears frames ``t + (k - center) * dilation``, zeros beyond the ends."""
    weight = p[f"{name}.weight"]
    reach = dilation * (weight.shape[2] // 2)
    padded = F.pad(x, (reach, reach))
    T = x.shape[1]
    y = sum(weight[:, :, k] @ padded[:, k * dilation : k * dilation + T] for k in range(weight.shape[2]))
    bias = p.get(f"{name}.bias")
    return y if bias is None else y + bias[:, None]


def batch_norm(p: Weights, name: str, x: Tensor) -> Tensor:
    mean, variance, weight, bias = (
        p[f"{name}.{part}"].view(-1, *[1] * (x.dim() - 1)) for part in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / (variance + 1e-5).sqrt() * weight + bias


def block(p: Weights, name: str, x: Tensor, dilation: int = 1) -> Tensor:
    return batch_norm(p, f"{name}.norm", conv(p, f"{name}.conv", x, dilation).relu())


def squeeze_excitation(p: Weights, name: str, x: Tensor) -> Tensor:
    hidden = linear(p, f"{name}.squeeze", x.mean(1)).relu()
    if f"{name}.norm.weight" in p:
        hidden = batch_norm(p, f"{name}.norm", hidden)
    return x * linear(p, f"{name}.excite", hidden).sigmoid()[:, None]


# --- fusion and pooling ------------------------------------------------------------------------------------------------


def fuse(p: Weights, states: list[Tensor], kind: str) -> Tensor:
    """``[C, T]`` of states ``[T, D]``."""
    if kind == "adapters":
        parts = []
        for i, state in enumerate(states):
            hidden = linear(p, f"down.{i}", state.t()).t()
            hidden = F.layer_norm(hidden, hidden.shape[1:], p[f"norm.{i}.weight"], p[f"norm.{i}.bias"]).relu()
            parts.append(linear(p, f"out.{i}", hidden.t()))
        return torch.cat(parts)
    weights = {"last": None, "sum": p.get("weights"), "linear": p.get("weights")}[kind]
    if kind == "sum":
        weights = weights.exp() / weights.exp().sum()
    x = states[-1] if weights is None else sum(w * s for w, s in zip(weights, states, strict=True))
    return x.t() - x.mean(0)[:, None]


def pool(p: Weights, x: Tensor, kind: str) -> Tensor:
    def weighted(weights: Tensor, least: float) -> Tensor:
        mean = (weights * x).sum(1)
        variance = (weights * x**2).sum(1) - mean**2
        return torch.cat([mean, variance.clamp(min=least).sqrt()])

    if kind == "mean":
        return x.mean(1)
    if kind in ("statistics", "tstp"):
        return torch.cat([x.mean(1), (x.var(1) + (1e-7 if kind == "tstp" else 0)).sqrt()])
    if kind == "attentive":
        return weighted(linear(p, "score", linear(p, "hidden", x).tanh()).softmax(1), 1e-4)
    hidden = linear(p, "hidden", x)
    if "context.weight" in p:
        deviation = (x.var(1) + 1e-7).sqrt() if kind == "astp" else x.var(1).clamp(1e-4, 1e4).sqrt()
        hidden = hidden + linear(p, "context", torch.cat([x.mean(1), deviation]))[:, None]
    hidden = hidden.tanh() if kind == "astp" else batch_norm(p, "norm", hidden.relu())
    least = {"channel_attentive": 1e-4, "asp": 1e-5, "astp": 1e-7}[kind]
    return weighted(linear(p, "score", hidden).softmax(1), least)


# --- trunks ------------------------------------------------------------------------------------------------------------


def x_vector(p: Weights, x: Tensor) -> Tensor:
    for i, (dilation, lost) in enumerate(((1, 0), (2, 1), (3, 2), (1, 0), (1, 0))):
        x = block(p, f"blocks.{i}", x, dilation)[:, lost : x.shape[1] - lost]
    return x


def ecapa_tdnn(p: Weights, x: Tensor, dense: bool = True) -> Tensor:
    def se_res2(name: str, x: Tensor, dilation: int) -> Tensor:
        y = block(p, f"{name}.enter", x)
        scale = 1 + sum(1 for key in p if key.startswith(f"{name}.groups.") and key.endswith("conv.weight"))
        parts, before = y.chunk(scale), torch.zeros(())
        done = []
        for i in range(scale - 1):
            before = block(p, f"{name}.groups.{i}", parts[i] + before, dilation)
            done.append(before)
        y = block(p, f"{name}.leave", torch.cat([*done, parts[-1]]))
        return x + squeeze_excitation(p, f"{name}.squeeze_excitation", y)

    x = block(p, "entry", x)
    first = se_res2("blocks.0", x, 2)
    second = se_res2("blocks.1", x + first if dense else first, 3)
    third = se_res2("blocks.2", x + first + second if dense else second, 4)
    return conv(p, "aggregate", torch.cat([first, second, third])).relu()


def wespeaker_ecapa(p: Weights, x: Tensor) -> Tensor:
    return ecapa_tdnn(p, x, dense=False)


def rawnet3(p: Weights, x: Tensor) -> Tensor:
    def res2_scaled(name: str, x: Tensor, dilation: int) -> Tensor:
        y = block(p, f"{name}.enter", x)
        scale = 1 + sum(1 for key in p if key.startswith(f"{name}.groups.") and key.endswith("conv.weight"))
        parts, done = y.chunk(scale), []
        for i in range(scale - 1):
            done.append(block(p, f"{name}.groups.{i}", parts[i] + (done[-1] if done else 0), dilation))
        y = block(p, f"{name}.leave", torch.cat([*done, parts[-1]]))
        y = y + (linear(p, f"{name}.past", x) if f"{name}.past.weight" in p else x)
        scale_by = linear(p, f"{name}.scaling.scale", y.mean(1)).sigmoid()
        return (y + p[f"{name}.scaling.shift"][:, None]) * scale_by[:, None]

    first = res2_scaled("blocks.0", x, 2)
    second = res2_scaled("blocks.1", first, 3)
    third = res2_scaled("blocks.2", first + second, 4)
    return conv(p, "aggregate", torch.cat([first, second, third])).relu()


def mfa_conformer(p: Weights, x: Tensor) -> Tensor:
    """Transformer-XL attention by its definition: every pair of frames meets the sinusoid of its distance."""
    if "entry.out.weight" in p:
        y = F.conv2d(x.t()[None], p["entry.halve.weight"], p["entry.halve.bias"], stride=2).relu()
        y = F.conv2d(y, p["entry.conv.weight"], p["entry.conv.bias"]).relu()  # [D, T, bins]
        x = linear(p, "entry.out", torch.stack([y[:, t].flatten() for t in range(y.shape[1])], 1)).t()
        x = x * x.shape[1] ** 0.5
    else:
        x = linear(p, "entry", x).t()
    T, D = x.shape
    blocks = 1 + max(int(name.split(".")[1]) for name in p if name.startswith("blocks."))
    heads = p["blocks.0.attention.position.content"].shape[0]
    d = D // heads
    outputs = []

    def layer_norm(name: str, y: Tensor) -> Tensor:
        return F.layer_norm(y, y.shape[-1:], p[f"{name}.weight"], p[f"{name}.bias"], 1e-12)

    def rows(name: str, y: Tensor) -> Tensor:
        return linear(p, name, y.t()).t()

    for b in range(blocks):
        at = f"blocks.{b}"

        def feed_forward(name: str, y: Tensor) -> Tensor:
            return rows(f"{at}.{name}.down", F.silu(rows(f"{at}.{name}.up", layer_norm(f"{at}.{name}_norm", y))))  # noqa: B023

        x = x + 0.5 * feed_forward("feed_forward1", x)
        y = layer_norm(f"{at}.attention_norm", x)
        q, k, v = (rows(f"{at}.attention.{name}", y) for name in "qkv")
        mixed = torch.zeros_like(x)
        for h in range(heads):
            part = slice(h * d, (h + 1) * d)
            scores = torch.empty(T, T, dtype=x.dtype)
            for i in range(T):
                for j in range(T):
                    frequency = torch.exp(torch.arange(0, D, 2) * -(math.log(10000.0) / D))
                    angle = (i - j) * frequency
                    place = torch.stack([angle.sin(), angle.cos()], -1).flatten().to(x.dtype)
                    of_place = (p[f"{at}.attention.position.project.weight"] @ place)[part]
                    content, position = (p[f"{at}.attention.position.{n}"][h] for n in ("content", "position"))
                    scores[i, j] = ((q[i, part] + content) @ k[j, part] + (q[i, part] + position) @ of_place) / d**0.5
            mixed[:, part] = scores.softmax(1) @ v[:, part]
        x = x + rows(f"{at}.attention.out", mixed)
        y = rows(f"{at}.convolution.expand", layer_norm(f"{at}.convolution_norm", x))
        y = (y[:, : y.shape[1] // 2] * y[:, y.shape[1] // 2 :].sigmoid()).t()
        kernel = p[f"{at}.convolution.depthwise.weight"][:, 0]
        reach = (kernel.shape[1] - 1) // 2
        padded = F.pad(y, (reach, kernel.shape[1] - 1 - reach))
        y = sum(kernel[:, t : t + 1] * padded[:, t : t + T] for t in range(kernel.shape[1]))
        y = batch_norm(p, f"{at}.convolution.norm", y + p[f"{at}.convolution.depthwise.bias"][:, None])
        x = x + rows(f"{at}.convolution.project", F.silu(y.t()))
        x = x + 0.5 * feed_forward("feed_forward2", x)
        x = layer_norm(f"{at}.final_norm", x)
        outputs.append(x)
    return layer_norm("norm", torch.cat(outputs, 1)).t()


def ska_tdnn(p: Weights, x: Tensor) -> Tensor:
    def conv2d(name: str, y: Tensor, stride: tuple[int, int] = (1, 1)) -> Tensor:
        weight = p[f"{name}.weight"]
        return F.conv2d(y[None], weight, p.get(f"{name}.bias"), stride, weight.shape[2] // 2)[0]

    def chosen(name: str, parts: list[Tensor], summary: Tensor) -> list[Tensor]:
        scores = linear(p, f"{name}.choose", linear(p, f"{name}.squeeze", summary).relu()).view(len(parts), -1)
        return list(scores.exp() / scores.exp().sum(0))

    x = linear(p, "bins", x) if "bins.weight" in p else x
    y = batch_norm(p, "enter_norm", conv2d("enter", x[None], (2, 1)).relu())
    for f in ("fronts.0", "fronts.1"):
        z = batch_norm(p, f"{f}.enter_norm", conv2d(f"{f}.enter", y).relu())
        parts = [batch_norm(p, f"{f}.for_bins.{k}.norm", conv2d(f"{f}.for_bins.{k}.conv", z).relu()) for k in (0, 1)]
        weights = chosen(f"{f}.select_bins", parts, sum(parts).mean((0, 2)))
        z = sum(part * weight[None, :, None] for part, weight in zip(parts, weights, strict=True))
        parts = [batch_norm(p, f"{f}.for_maps.{k}.norm", conv2d(f"{f}.for_maps.{k}.conv", z).relu()) for k in (0, 1)]
        weights = chosen(f"{f}.select_maps", parts, sum(parts).mean((1, 2)))
        z = sum(part * weight[:, None, None] for part, weight in zip(parts, weights, strict=True))
        y = (y + z).relu()
    y = batch_norm(p, "leave_norm", conv2d("leave", y, (2, 2)).relu())
    x = block(p, "entry", y.reshape(-1, y.shape[-1]))

    def res2_selected(name: str, x: Tensor, dilation: int) -> Tensor:
        y = block(p, f"{name}.enter", x)
        scale = 1 + sum(1 for key in p if key.startswith(f"{name}.groups.") and key.endswith(".0.conv.weight"))
        split, done = y.chunk(scale), []
        for i in range(scale - 1):
            part = split[i] + (done[-1] if done else 0)
            parts = [block(p, f"{name}.groups.{i}.{k}", part, dilation) for k in (0, 1)]
            weights = chosen(f"{name}.select", parts, sum(parts).mean(1))
            done.append(sum(each * weight[:, None] for each, weight in zip(parts, weights, strict=True)))
        y = block(p, f"{name}.leave", torch.cat([*done, split[-1]]))
        return x + squeeze_excitation(p, f"{name}.squeeze_excitation", y)

    first = res2_selected("blocks.0", x, 2)
    second = res2_selected("blocks.1", x + first, 3)
    third = res2_selected("blocks.2", x + first + second, 4)
    return conv(p, "aggregate", torch.cat([first, second, third])).relu()


def pooled(p: Weights, x: Tensor) -> Tensor:
    return linear(p, "linear", x) if "linear.weight" in p else x


TRUNKS = {
    "pooled": pooled,
    "x_vector": x_vector,
    "ecapa_tdnn": ecapa_tdnn,
    "wespeaker_ecapa": wespeaker_ecapa,
    "rawnet3": rawnet3,
    "mfa_conformer": mfa_conformer,
    "ska_tdnn": ska_tdnn,
}


def embedding(kind: str, p: Weights, states: list[Tensor], fusion: str, pooling: str) -> Tensor:
    """``[E]`` of the states ``[T, D]`` of one utterance."""

    def below(path: str) -> Weights:
        return {name.removeprefix(path): tensor for name, tensor in p.items() if name.startswith(path)}

    frames = TRUNKS[kind](below("trunk."), fuse(below("fusion."), states, fusion))
    vector = pool(below("pooling."), frames, pooling)
    vector = linear(p, "embed", batch_norm(p, "norm", vector) if "norm.weight" in p else vector)
    if "project.weight" in p:
        vector = linear(p, "project", vector.relu())
    return batch_norm(p, "out_norm", vector) if "out_norm.weight" in p else vector
