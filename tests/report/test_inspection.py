"""What `inspect` says: kept widths, and costs that add up."""

from __future__ import annotations

import io

import pytest
import torch
from rich.console import Console

from sottovoce.encoder.config import EncoderConfig, uniform_shape
from sottovoce.encoder.model import SpeechEncoder
from sottovoce.models.task_config import TaskConfig
from sottovoce.models.task_network import TaskNetwork
from sottovoce.pruning.costs import cost
from sottovoce.report.inspection import inspect
from sottovoce.report.layer_rows import layer_widths
from sottovoce.report.pictures.layer_picture import layers_png, layers_svg, tracks
from sottovoce.report.tables.networks import network_table
from tiny_models import tiny_config

SMALL = dict(hidden_size=32, layers=2, heads=4, ffn=48, conv_channels=(8, 8, 8), positional_groups=4)


def shapes(**more):
    dense = uniform_shape(**SMALL, positional_taps=(16,), **more)
    slim = uniform_shape(**SMALL, positional_taps=(16,), **more)
    slim["frontend"]["channels"] = [3, 5, 8]
    slim["layers"][0]["attention"]["heads"] = [1, 3]
    slim["layers"][1]["attention"] = None
    slim["positional"]["groups"] = [0, 1, 3]
    return dense, slim


def build(dense, slim, **more):
    with torch.device("meta"):
        return SpeechEncoder(
            EncoderConfig(
                shape=slim,
                original_shape=dense,
                conv_kernel=(10, 3, 3),
                conv_stride=(5, 4, 4),
                head_dim=8,
                attention_heads=4,
                **more,
            )
        )


def test_rows_say_what_is_kept_of_what_there_was():
    dense, slim = shapes()
    widths = {w.path: w for row in layer_widths(slim, dense) for w in row.widths}
    assert (widths["frontend.channels.1"].kept, widths["frontend.channels.1"].of) == (5, 8)
    assert widths["layers.0.attention.heads"].ids == (1, 3)
    assert (widths["layers.1.attention.heads"].kept, widths["layers.1.attention.heads"].of) == (0, 4)
    assert widths["positional.taps.0"].kept == 16
    assert widths["residual"].label == "width"
    names = [row.name for row in layer_widths(slim, dense)]
    assert names == ["conv 0", "conv 1", "conv 2", "positional", "layer 0", "layer 1", "residual"]


@pytest.mark.parametrize("conformer", [False, True])
def test_costs_of_the_layers_add_up_to_the_whole(conformer):
    more = {"convolution": 32} if conformer else {}
    config = {"layer": "conformer", "position": "relative", "depthwise_kernel": 7} if conformer else {}
    model = build(*shapes(**more), **config)
    found = inspect(model, 2.0)
    whole = cost(model, 2.0)
    assert sum(layer.params for layer in found.layers) == whole.params == sum(p.numel() for p in model.parameters())
    assert sum(layer.macs for layer in found.layers) == pytest.approx(whole.macs)
    by_name = {layer.name: layer for layer in found.layers}
    assert by_name["layer 0"].params == sum(p.numel() for p in model.layers[0].parameters())
    assert by_name["conv 1"].params == sum(p.numel() for p in model.frontend.conv[1].parameters())
    assert found.original.params > whole.params
    labels = [w.label for w in by_name["layer 0"].widths]
    assert labels == (["ffn 1", "heads", "convolution", "ffn 2"] if conformer else ["heads", "ffn"])


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize("conformer", [False, True])
def test_the_picture_fits_the_terminal_and_holds_every_number(columns, conformer):
    more = {"convolution": 32} if conformer else {}
    config = {"layer": "conformer", "position": "relative", "depthwise_kernel": 7} if conformer else {}
    found = inspect(build(*shapes(**more), **config), 8.0, name="small")
    out = Console(width=columns, file=io.StringIO(), force_terminal=False)
    out.print(network_table(found, columns))
    text = out.file.getvalue()
    assert "…" not in text
    assert max(map(len, text.splitlines())) <= columns
    for word in ("conv 1", "layer 0", "projection", "residual", "% of the parameters"):
        assert word in text


def test_the_drawing_puts_kept_elements_where_they_were():
    dense, slim = shapes()
    svg = layers_svg(layer_widths(slim, dense))
    heads = svg.split("<title>layers.0.attention.heads")[1].split("</g>")[0]
    track = float(heads.split('class="gone" x="')[1].split('"')[0])
    length = float(heads.split('width="')[1].split('"')[0])
    kept = [float(part.split('"')[0]) for part in heads.split('class="kept" x="')[1:]]
    assert kept == pytest.approx([track + length * 1 / 4, track + length * 3 / 4], abs=0.1)
    assert "data-gone" in svg.split("layers.1.attention.heads")[1].split("</g>")[0]
    assert "data-gone" not in heads


def test_the_drawing_joins_neighbors_of_a_wide_unit():
    dense, slim = uniform_shape(**SMALL), uniform_shape(**SMALL)
    dense["residual"], slim["residual"] = list(range(128)), [*range(10), *range(20, 30)]
    residual = layers_svg(layer_widths(slim, dense)).split("<title>residual")[1]
    assert residual.count('class="kept"') == 2


def test_page_and_paper_show_the_same_picture():
    """Both are drawn from the same tracks: a layer with one unit fills its line, the others share it."""
    from xml.etree import ElementTree

    dense, slim = shapes()
    rows = layer_widths(slim, dense)
    drawn = tracks(rows)
    assert [(t.row, t.left) for t in drawn] == [(i, k) for i, row in enumerate(rows) for k in range(len(row.widths))]
    assert {t.span for t in drawn if len(rows[t.row].widths) == 1} == {max(len(row.widths) for row in rows)}
    kept = [sum(last - first for first, last in t.runs) for t in drawn]
    assert kept == [width.kept for row in rows for width in row.widths]
    groups = ElementTree.fromstring(layers_svg(rows)).findall("g")
    assert [g.find("text").text for g in groups] == [t.text for t in drawn]
    assert layers_png(rows).startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("head", "rows"),
    [
        ({"kind": "transducer", "outputs": 4}, {"head joiner": ["width"]}),
        (
            {"kind": "powerset", "speakers": 2, "width": 8, "blocks": 2, "inner": 8, "heads": 2, "kernel": 7},
            {f"head block {k}": ["ffn 1", "heads", "convolution", "ffn 2"] for k in range(2)},
        ),
        ({"kind": "mhfa", "width": 6, "heads": 3, "size": 10}, {}),
    ],
)
def test_units_of_a_head_have_rows_of_their_own(head, rows):
    labels = ["<blank>", " ", "a", "b"] if head["kind"] == "transducer" else None
    model = TaskNetwork(TaskConfig(encoder=tiny_config(), head=head, labels=labels))
    found = inspect(model, 2.0)
    by_name = {layer.name: layer for layer in found.layers}
    assert {
        name: [w.label for w in by_name[name].widths] for name in by_name if by_name[name].path.startswith("head")
    } == rows
    assert all(w.kept == w.of > 0 for name in rows for w in by_name[name].widths)
    in_head = sum(layer.params for name, layer in by_name.items() if name.startswith("head"))
    assert in_head == sum(p.numel() for p in model.head.parameters())
    assert sum(layer.params for layer in found.layers) == sum(p.numel() for p in model.parameters())
    assert found.layers[-1].name == "residual"
