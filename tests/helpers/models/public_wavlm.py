"""The state dict of the WavLM that s3prl has (0.4.17, s3prl/upstream/wavlm/WavLM.py), which is Microsoft's."""

from __future__ import annotations

from public_files import Layout, convolution, linear, norm

CONVOLUTIONS = ((12, 10), (16, 3), (9, 3), (16, 3), (14, 3), (12, 2), (18, 2))
TINY = {"convolutions": CONVOLUTIONS, "width": 32, "layers": 3, "heads": 4, "units": 48}
REAL = {
    "convolutions": ((512, 10), *[(512, 3)] * 4, *[(512, 2)] * 2),
    "width": 1024,
    "layers": 24,
    "heads": 16,
    "units": 4096,
}


def wavlm(size: dict, large: bool) -> Layout:
    """The state dict of s3prl's WavLM."""
    width, heads, convolutions = size["width"], size["heads"], size["convolutions"]
    found: Layout = {"mask_emb": (width,)}
    for i, (channels, kernel) in enumerate(convolutions):
        before = convolutions[i - 1][0] if i else 1
        at = f"feature_extractor.conv_layers.{i}"
        found |= convolution(f"{at}.0", before, channels, kernel, bias=False)
        if large or i == 0:
            found |= norm(f"{at}.2{'.1' * large}", channels)
    found |= linear("post_extract_proj", convolutions[-1][0], width) | norm("layer_norm", convolutions[-1][0])
    found["encoder.pos_conv.0.bias"] = (width,)
    found["encoder.pos_conv.0.weight_g"] = (1, 1, 128)
    found["encoder.pos_conv.0.weight_v"] = (width, width // 16, 128)
    for i in range(size["layers"]):
        at = f"encoder.layers.{i}"
        found[f"{at}.self_attn.grep_a"] = (1, heads, 1, 1)
        if i == 0:
            found[f"{at}.self_attn.relative_attention_bias.weight"] = (320, heads)
        for part in ("k", "v", "q", "out"):
            found |= linear(f"{at}.self_attn.{part}_proj", width, width)
        found |= linear(f"{at}.self_attn.grep_linear", width // heads, 8)
        found |= norm(f"{at}.self_attn_layer_norm", width) | norm(f"{at}.final_layer_norm", width)
        found |= linear(f"{at}.fc1", width, size["units"]) | linear(f"{at}.fc2", size["units"], width)
    return found | norm("encoder.layer_norm", width)
