"""Docstrings of the public API document what is returned and what is raised.

Public is what has no leading underscore, at the top of a module or in a public class. What libraries call (commands,
fixtures, validators) only needs a docstring. Errors of other modules, and `raise error`, are left to the reader.
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
MODULES = {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in sorted(ROOT.glob("labctl/**/*.py"))}
CLASSES = {node.name: node for tree in MODULES.values() for node in tree.body if isinstance(node, ast.ClassDef)}
EXEMPT = re.compile(r"^rule\(|click|command|option|argument|fixture|validator|property")
NO_ERRORS = re.compile(r"labctl/cli/|.* client_variables$")  # main prints errors; `login_as` finds the first user
FUNCTIONS = [
    (file, cls, node)
    for file, tree in MODULES.items()
    for cls, body in [(None, tree.body), *((cls, cls.body) for cls in tree.body if isinstance(cls, ast.ClassDef))]
    for node in body
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
]
RETURNED = {node.name: ast.unparse(node.returns) for _file, _cls, node in FUNCTIONS if node.returns}


def is_public(*nodes):
    return not any(node.name.startswith("_") for node in nodes if node)


def with_bases(error):
    return {error}.union(*(with_bases(base) for base in map(ast.unparse, CLASSES[error].bases) if base in CLASSES))


def names(nodes):
    return set(re.findall(r"\w+", " ".join(map(ast.unparse, nodes))))


def words_after_raise(*nodes):
    texts = [re.split(r"\b[Rr]aises?\b", ast.get_docstring(node) or "", maxsplit=1) for node in nodes if node]
    return {word for text in texts for word in re.findall(r"\w+", text[-1]) if len(text) > 1}


def raised_by(node, callables, caught=frozenset()):
    """Yield the labctl errors of a statement, and of functions of its module that it calls; nested ones don't count."""
    parts = list(ast.iter_child_nodes(node))
    match node:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
            return
        case ast.With() if "suppress" in names(node.items):
            caught |= names(node.items)
        case ast.Try():
            types = [part.type for part in node.handlers if not re.search(r"\braise(\n|$)", ast.unparse(part))]
            for statement in node.body:
                yield from raised_by(statement, callables, caught | names(types))
            parts = [*node.handlers, *node.orelse, *node.finalbody]
        case ast.Raise(exc=ast.Call(func=function)):
            error = RETURNED.get(ast.unparse(function), ast.unparse(function))  # `raise unwritable(…)` raises HostError
            if error in CLASSES and not (with_bases(error) | {"Exception", "BaseException"}) & caught:
                yield error
        case ast.Call(func=function):
            name = re.sub(r"^(self|cls)\.", "", ast.unparse(function))
            for called in callables[name].body if name in callables else ():
                yield from raised_by(called, {key: callables[key] for key in callables if key != name}, caught)
    for part in parts:
        yield from raised_by(part, callables, caught)


def test_everything_public_has_a_docstring():
    """Every module, public class, public function and public method has one."""
    nodes = [*CLASSES.values(), *(node for _file, cls, node in FUNCTIONS if is_public(cls))]
    missing = [node.name for node in nodes if is_public(node) and not ast.get_docstring(node)]
    assert missing + [file for file, tree in MODULES.items() if not ast.get_docstring(tree)] == []


def test_docstrings_say_what_is_returned():
    """What returns a value documents it with Return, Yield or Whether. A context manager may have "block"."""
    missing = []
    for file, cls, node in FUNCTIONS:
        text, decorators = ast.get_docstring(node) or "", " ".join(map(ast.unparse, node.decorator_list))
        verbs = r"(?i)\b(returns?|yields?|whether)\b" + (r"|\bblock\b" if "contextmanager" in decorators else "")
        exempt = EXEMPT.search(decorators) or names([node.returns]) <= {"None", "NoReturn"} or not is_public(cls, node)
        missing += [] if exempt or re.search(verbs, text) else [f"{file}: {node.name}"]
    assert missing == []


def test_docstrings_say_what_is_raised():
    """After "Raises" stands each labctl error, or a base of it, that the function or its module's functions raise.

    A class may document it for all its methods, and documents it for `__init__`. The commands of labctl.cli are exempt:
    main prints their errors.
    """
    missing = []
    for file, cls, node in FUNCTIONS:
        called = is_public(cls) and (is_public(node) or node.name == "__init__")
        if called and not NO_ERRORS.match(f"{file} {node.name}"):
            callables = {part.name: part for place, at, part in FUNCTIONS if place == file and at in {None, cls}}
            raised = {error for part in node.body for error in raised_by(part, callables)}
            documented = words_after_raise(node, cls)
            missing += [f"{file}: {node.name} raises {error}" for error in raised if not with_bases(error) & documented]
    assert missing == []
