"""One word, one meaning, one spelling: names that were given up do not come back, and no text is spelled the British way.

Each old name stands beside the one that took its place, so that a failure says what to write.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from own_modules import ROOT, tracked, tree

TEXTS = {".py", ".md", ".yaml", ".toml", ".html", ".j2", ".css", ".js", ".txt", ""}
EXEMPT = {Path("LICENSE"), Path("CHANGELOG.md"), Path("tests/house/test_words.py")}

# As whole words, with their case.
NAMES = {
    "Sight": "AttentionContext",
    "Trunk": "FrameEncoder",
    "EcapaTrunk": "ECAPAEncoder",
    "ConformerTrunk": "ConformerEncoder",
    "RawNet3Trunk": "RawNet3Encoder",
    "SKATrunk": "SKATDNNEncoder",
    "Extractor": "SpeakerEmbedder",
    "FrameNorm": "MaskedBatchNorm1d",
    "MapNorm": "MaskedBatchNorm2d",
    "build_fusion": "build_layer_aggregation",
    "Attachment": "GateHooks",
    "LossWarning": "RemovedPartWarning",
    "check_reachable": "check_feasible",
    "stand_ins?": "published_configs",
    "Story": "ReportData",
    "anatomy": "layer_widths",
    "Subject": "ProfiledModel",
    "published_subjects": "published_models",
    r"(Transducer)?Recogni[sz]er": "CTCDecoder, TransducerDecoder",
    r"recogni[sz]er_of": "text_decoder",
    r"\w*Imitation": "DistillationLoss",
    "Questions": "SLUClasses",
    "Understood": "SLUPrediction",
    "ChoiceForm": "ClassFormulation",
    "SequenceForm": "SequenceFormulation",
    "intent_forms": "slu_formulations",
    "Product": "StageResult",
    "PhaseOptions": "TrainingStageOptions",
    "phase_options": "training_stage_options",
    "ChosenOptions": "SelectionOptions",
    "start_checks": "preflight",
    "start_problems": "preflight_problems",
    "lineage": "provenance",
    "take_over": "load_matching",
    "row_checks": "validation",
    "write_embedded": "extract_audio",
    "load_(verifier|detector|recogni[sz]er|classifier|embedder|local)": "load(source, task)",
    r"Normali[sz]er": "TextNormalizer",
}

# As they are called or defined: the words themselves are plain English.
CALLS = {
    r"def following\(|\.following\(": "forward_chunk",
    r"def settle\(|\.settle\(": "set_threshold",
    r"def told\(|\.told\(": "summary",
    r"\b(class|import) (Heard|Memory|Fusion|Voices)\b": "RunningStats, StreamState, LayerAggregation, SpeakerEmbeddings",
    r"\bclass (Local|Row|Table|Macs|Loss|Stream|Form|Header|Selection)\b": "a name that says what it is",
    r"\bsottovoce[./]deployment\b": "inference, profiling",
    r"\b(encoder[./]errors|encoder[./]near|training[./]files|training[./]catalog|data[./]layouts)\b": "its new place",
}

BRITISH = re.compile(
    r"""(?xi)
    (?: normal | factor | optim | initial | recogn | random | general | quant | regular | penal | organ | minim | maxim
      | summar | serial | synthes | util | emphas | standard | synchron | neutral | central | local | visual | special
      | parallel | vector | token | material | character | categor | author | custom | equal | memor | modern | priorit
      | stabil | symbol | analog | binar | apolog | critic | familiar | hypothes | itemiz | real
    ) is (?: e | ed | es | er | ers | ing | ation | ations | able ) (?-i:(?![a-z]))
    | (?: col | fav | behavi | neighb | hon | lab | flav | rum | harb ) our
    | (?: label | model | cancel | level | travel | signal | tunnel | channel ) l (?: ed | ing | er ) (?-i:(?![a-z]))
    | (?<![a-z]) (?: re | un )? (?: centre | metre | litre | fibre ) s? d? (?![a-z])
    | (?<![a-z]) (?: analys (?: e | ed | es | ing ) | grey | distil s? | catalogue s? | artefact s? | licence s? | defence
      | programme s? | judgement | whilst | amongst | practise (?: d | s )? ) (?![a-z])
    """
)


def texts() -> list[Path]:
    folders = (
        "src",
        "tests",
        "docs",
        "recipes",
        "benchmarks",
        "README.md",
        "CONTRIBUTING.md",
        "pyproject.toml",
        "Makefile",
    )
    files = [path.relative_to(ROOT) for path in tracked(*folders) if path.suffix in TEXTS]
    return [path for path in files if path not in EXEMPT]


def places(pattern: re.Pattern[str], under: str = "") -> list[str]:
    """`file:line: the word` of every match in the files of a folder."""
    return [
        f"{path.as_posix()}:{number}: {match[0]}"
        for path in texts()
        if path.as_posix().startswith(under)
        for number, line in enumerate((ROOT / path).read_text(encoding="utf-8").splitlines(), 1)
        for match in pattern.finditer(line)
    ]


def test_texts_are_found():
    files = {path.as_posix() for path in texts()}
    assert {"README.md", "docs/pruning.md", "src/sottovoce/errors.py", "tests/house/test_imports.py"} <= files
    assert any(path.startswith("recipes/") for path in files)


def test_names_that_were_given_up_are_gone():
    assert places(re.compile("|".join(rf"(?<!\w){name}(?!\w)" for name in NAMES))) == []
    assert places(re.compile("|".join(CALLS)), "src/") == []


def test_everything_is_spelled_as_torch_and_transformers_spell_it():
    # What synthetic voices say is data: a word spelled anew sounds another way in some accents.
    spoken = "src/sottovoce/data/synthesis/speech/sentences.py"
    assert [place for place in places(BRITISH) if not place.startswith(spoken)] == []


@pytest.mark.parametrize(
    "word",
    [
        "factorise",
        "normalised",
        "colour",
        "neighbours",
        "labelled",
        "centre",
        "unlabelled",
        "distil",
        "analysed",
        "grey",
        "RecogniseText",
    ],
)
def test_british_words_are_seen(word):
    assert BRITISH.search(word)


@pytest.mark.parametrize(
    "word",
    [
        "factorize",
        "noise",
        "raises",
        "precise",
        "distill",
        "otherwise",
        "exercise",
        "hour",
        "four",
        "analysis",
        "labeled",
        "center",
        "promise",
    ],
)
def test_other_words_are_left_alone(word):
    assert not BRITISH.search(word)


@pytest.mark.parametrize("path", sorted((ROOT / "tests" / "regressions").glob("test_*.py")), ids=lambda path: path.stem)
def test_a_regression_test_tells_its_fault(path):
    assert re.match(rf"Fault {int(path.stem.split('_')[1])}: ", ast.get_docstring(tree(path)) or "")
