import pytest
from pydantic import Field, ValidationError

from sottovoce.data.synthesis.spoofing import SpoofingSynthesis
from sottovoce.errors import DataError, RecipeError
from sottovoce.options import OneOf, Options, check_options, one_of, problems_of
from sottovoce.recipe.data_section import DataOptions
from sottovoce.text.suggestions import did_you_mean


class Prune(Options):
    steps: int = Field(ge=1)
    rates: dict[str, float] = {}
    layers: list[int] | None = None


class Slim(Options):
    method: str = "magnitude"


@one_of({"prune": Prune, "slim": Slim})
class Stage(OneOf[Prune | Slim]):
    """Pruning or slimming."""


class Recipe(Options):
    name: str
    source: str | None = Field(None, alias="from")
    stages: list[Stage] = []
    by_name: dict[str, Prune] = {}


def problems(data):
    with pytest.raises(ValidationError) as caught:
        Recipe.model_validate(data)
    return problems_of(caught.value, Recipe)


def test_every_fault_has_one_line_with_path_and_remedy():
    found = problems(
        {
            "frm": "x",
            "stages": [{"prune": {"stpes": 3, "steps": 0}}, {"prnue": {}}, {"prune": {"steps": "many"}, "slim": {}}],
            "by_name": {"first": {"steps": 1, "ratse": {}}},
        }
    )
    assert found == [
        "name: missing",
        "stages[0].prune.steps: input should be greater than or equal to 1 (got 0)",
        "stages[0].prune.stpes: unknown; did you mean 'steps'?",
        "stages[1].prnue: unknown; did you mean 'prune'?",
        "stages[2].prune.steps: input should be a valid integer, unable to parse string as an integer (got 'many')",
        "by_name.first.ratse: unknown; did you mean 'rates'?",
        "frm: unknown; did you mean 'from'?",
    ]


def test_a_value_that_fits_no_member_of_a_union_is_one_fault():
    found = problems({"name": "x", "stages": [{"prune": {"steps": 1, "layers": "all"}}]})
    assert len(found) == 1 and found[0].startswith("stages[0].prune.layers: ")


@pytest.mark.parametrize("entry", [{}, {"prune": {"steps": 1}, "slim": {}}])
def test_exactly_one_choice(entry):
    assert problems({"name": "x", "stages": [entry]}) == ["stages[0]: give exactly one of prune, slim"]


def test_the_choice_and_its_options():
    recipe = Recipe.model_validate(
        {"name": "x", "from": "y", "stages": ["slim", {"prune": {"steps": 2}}, {"slim": None}]}
    )
    assert [s.kind for s in recipe.stages] == ["slim", "prune", "slim"]
    assert recipe.stages[1].options == Prune(steps=2)
    plain = recipe.model_dump(mode="json", by_alias=True)
    assert plain["stages"] == [
        {"slim": {"method": "magnitude"}},
        {"prune": {"steps": 2, "rates": {}, "layers": None}},
        {"slim": {"method": "magnitude"}},
    ]
    assert Recipe.model_validate(plain) == recipe


def test_the_hint_lists_what_is_known_where_nothing_is_near():
    assert did_you_mean("zzz", ["steps", "lr"]) == "known here: lr, steps"
    assert did_you_mean("step", ["steps", "lr"]) == "did you mean 'steps'?"
    assert did_you_mean("zzz", ["steps", "lr"], listed=["lr"]) == "known here: lr"
    assert did_you_mean("zzz", ()) == "nothing is allowed here"
    assert did_you_mean("zzz", map(str, range(40))).endswith(" and 10 more")


def test_options_of_a_command_are_named_as_they_are_written_there():
    with pytest.raises(DataError) as caught:
        check_options(
            Prune, {"stpes": 3, "rates": {"a_b": "x"}, "steps": 0}, "prune", spelling=lambda name: f"--{name}"
        )
    assert str(caught.value).split("; prune: ") == [
        "prune: --steps: input should be greater than or equal to 1 (got 0)",
        "--rates.a_b: input should be a valid number, unable to parse string as a number (got 'x')",
        "--stpes: unknown; did you mean '--steps'?",
    ]
    assert check_options(Prune, {"steps": 2}, "prune") == Prune(steps=2)


def test_a_section_made_in_python_raises_the_same_lines_as_one_error_of_ours():
    with pytest.raises(RecipeError) as caught:
        Prune(steps=0, layrs=[1])
    assert str(caught.value) == (
        "Prune: steps: input should be greater than or equal to 1 (got 0); Prune: layrs: unknown; did you mean 'layers'?"
    )
    with pytest.raises(
        RecipeError, match=r"^Recipe: stages\[0\].slim.method: input should be a valid string \(got 3\)$"
    ):
        Recipe(name="x", stages=[{"slim": {"method": 3}}])
    with pytest.raises(RecipeError, match="^DataOptions: corpora: missing; .*batch: input should be greater"):
        DataOptions(batch=0)
    with pytest.raises(RecipeError, match="^Stage: give exactly one of prune, slim$"):
        Stage(prune={"steps": 1}, slim={})
    with pytest.raises(RecipeError, match="^SpoofingSynthesis: utterances: input should be greater than or equal to 3"):
        SpoofingSynthesis(utterances=0)
