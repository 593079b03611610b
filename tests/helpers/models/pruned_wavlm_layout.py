"""The state dict of the pruned WavLM of DiariZen and WeDefense, by its config."""

from __future__ import annotations

from public_files import Layout, convolution, linear, norm


def encoder(shape: dict) -> Layout:
    """The state dict of their wavlm_model."""
    convs, width = shape["extractor_conv_layer_config"], shape["encoder_embed_dim"]
    total = shape["encoder_total_num_heads"][0]
    found: Layout = {"feature_extractor.dummy_weight": (convs[-1][0],)}
    for i, (channels, kernel, _) in enumerate(convs):
        before = convs[i - 1][0] if i else 1
        found |= convolution(
            f"feature_extractor.conv_layers.{i}.conv", before, channels, kernel, bias=shape["extractor_conv_bias"]
        )
        if i == 0 or shape["extractor_mode"] == "layer_norm":
            found |= norm(f"feature_extractor.conv_layers.{i}.layer_norm", channels)
    found |= norm("encoder.feature_projection.layer_norm", convs[-1][0])
    found |= linear("encoder.feature_projection.projection", convs[-1][0], width)
    positional = "encoder.transformer.pos_conv_embed.conv"
    taps = shape["encoder_pos_conv_kernel"]
    found[f"{positional}.bias"] = (width,)
    found[f"{positional}.parametrizations.weight.original0"] = (1, 1, taps)
    found[f"{positional}.parametrizations.weight.original1"] = (width, width // shape["encoder_pos_conv_groups"], taps)
    found |= norm("encoder.transformer.layer_norm", width)
    for i, heads in enumerate(shape["encoder_remaining_heads"]):
        at, inner = f"encoder.transformer.layers.{i}", len(heads) * (width // total)
        found |= norm(f"{at}.layer_norm", width) | norm(f"{at}.final_layer_norm", width)
        if shape["encoder_use_attention"][i]:
            found[f"{at}.attention.gru_rel_pos_const"] = (1, total, 1, 1)
            for part in ("k", "v", "q"):
                found |= linear(f"{at}.attention.{part}_proj", width, inner)
            found |= linear(f"{at}.attention.out_proj", inner, width)
            found |= linear(f"{at}.attention.gru_rel_pos_linear", width // total, 8)
            if i == 0:
                found[f"{at}.attention.rel_attn_embed.weight"] = (shape["encoder_num_buckets"], total)
        units = shape["encoder_ff_interm_features"][i]
        found |= linear(f"{at}.feed_forward.intermediate_dense", width, units)
        found |= linear(f"{at}.feed_forward.output_dense", units, width)
    return found
