"""Public signatures say what they take and give: `Any` stands in none of them."""

import ast
from collections.abc import Iterator
from pathlib import Path

import sottovoce

SOURCE = Path(sottovoce.__file__).parent

TRANSFORMERS_OWN = {"__init__", "from_dict", "from_pretrained", "save_pretrained"}
"""Methods whose ``**kwargs`` Transformers prescribes."""

OPEN = {"encoder/checks/config_rules.py": {"Shape"}}
"""The aliases that hold an `Any`. A shape is nested to another depth in every part, and is checked by `check_shape`."""


def names_any(annotation: ast.expr | None) -> bool:
    """Whether `Any` stands in an annotation, be it written as text."""
    if annotation is None:
        return False
    texts = [ast.parse(n.value, mode="eval") for n in ast.walk(annotation) if isinstance(n, ast.Constant) and text(n)]
    names = [n for each in (annotation, *texts) for n in ast.walk(each)]
    return any(
        isinstance(n, ast.Name) and n.id == "Any" or isinstance(n, ast.Attribute) and n.attr == "Any" for n in names
    )


def text(node: ast.Constant) -> bool:
    """Whether a constant is an annotation that is written as text."""
    return isinstance(node.value, str) and "Any" in node.value


def with_any(body: list[ast.stmt], owner: str = "") -> Iterator[str]:
    """The public signatures, attributes and aliases in which `Any` stands."""
    for each in body:
        if isinstance(each, ast.If):
            yield from with_any(each.body, owner)
            yield from with_any(each.orelse, owner)
        elif isinstance(each, ast.ClassDef) and public(each.name):
            if any(map(names_any, each.bases)):
                yield f"{owner}{each.name}: its base"
            yield from with_any(each.body, f"{owner}{each.name}.")
        elif isinstance(each, ast.FunctionDef) and public(each.name):
            yield from (f"{owner}{each.name}: {name}" for name in signature_with_any(each, method=bool(owner)))
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name) and public(each.target.id):
            alias = isinstance(each.annotation, ast.Name) and each.annotation.id == "TypeAlias"
            if names_any(each.value if alias else each.annotation):
                yield f"{owner}{each.target.id}"
        elif isinstance(each, ast.Assign) and isinstance(each.targets[0], ast.Name) and public(each.targets[0].id):
            alias = isinstance(each.value, ast.Subscript | ast.BinOp | ast.Name)
            if alias and names_any(each.value):
                yield f"{owner}{each.targets[0].id}"


def signature_with_any(function: ast.FunctionDef, *, method: bool) -> Iterator[str]:
    """The parameters with `Any`, and ``return``.

    Exempt are the ``**kwargs`` that Transformers prescribes, and ``*args`` with the ``**kwargs`` beside it, with which a
    method passes on all that it was called with.
    """
    given = function.args
    for each in (*given.posonlyargs, *given.args, *given.kwonlyargs):
        if names_any(each.annotation):
            yield each.arg
    passed_on = method and (function.name in TRANSFORMERS_OWN or given.vararg is not None)
    for rest in (given.vararg, given.kwarg):
        if rest is not None and names_any(rest.annotation) and not passed_on:
            yield rest.arg
    if names_any(function.returns):
        yield "return"


def public(name: str) -> bool:
    return not name.startswith("_") or name.startswith("__")


def test_any_stands_in_no_public_signature():
    found = {path: set(with_any(ast.parse(path.read_text(encoding="utf-8")).body)) for path in SOURCE.rglob("*.py")}
    assert {str(path.relative_to(SOURCE)): names for path, names in found.items() if names} == OPEN


def test_the_search_finds_every_place():
    code = """
class A(dict[str, Any]):
    x: Any
    _x: Any
    def f(self, a: list[Any], *, b: "typing.Any", **c: Any) -> Any: ...
    def from_pretrained(cls, **kwargs: Any): ...
    def forwarded(self, *args: Any, **kwargs: Any): ...
    def _g(self, a: Any): ...
B = dict[str, Any]
C: TypeAlias = Any
D = Any
def h(*rest: Any): ...
"""
    assert list(with_any(ast.parse(code).body)) == [
        *("A: its base", "A.x", "A.f: a", "A.f: b", "A.f: c", "A.f: return", "B", "C", "D", "h: rest")
    ]
