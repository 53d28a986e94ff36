"""The JavaScript of widgets and pages: each name is declared, imported, or of the browser."""

import re

import pytest
import tree_sitter_javascript
from tree_sitter import Language, Parser

from helpers import language
from helpers.exercises.field import SCRIPT
from helpers.explorers import modules

PARSER = Parser(Language(tree_sitter_javascript.language()))
FILES = sorted(path for folder in (".", "page") for path in (modules.FOLDER / folder).glob("*.js"))
PAGES = sorted((language.ROOT / "tools" / "template").glob("*.js"))
OF_THE_BROWSER = set(
    [
        "Array",
        "Blob",
        "Boolean",
        "DOMException",
        "DecompressionStream",
        "Error",
        "Float32Array",
        "Float64Array",
        "Infinity",
        "Int32Array",
        "Int8Array",
        "JSON",
        "Map",
        "Math",
        "MutationObserver",
        "Number",
        "Object",
        "Promise",
        "RegExp",
        "ResizeObserver",
        "Response",
        "Set",
        "String",
        "URL",
        "Uint32Array",
        "Uint8Array",
        "addEventListener",
        "atob",
        "btoa",
        "clearInterval",
        "clearTimeout",
        "createImageBitmap",
        "devicePixelRatio",
        "document",
        "matchMedia",
        "getSelection",
        "isFinite",
        "isSecureContext",
        "navigator",
        "parseInt",
        "removeEventListener",
        "requestAnimationFrame",
        "setInterval",
        "setTimeout",
        "structuredClone",
        "undefined",
    ]
)
# More of the browser's, or of Node's, in one file each: elsewhere they could be a name that is not declared.
ONLY_THERE = {
    "formulas.js": {"process", "require"},
    "questions.js": {"confirm", "localStorage", "location"},
    "site.js": {"innerHeight", "localStorage"},
    "widgets.js": {"DataView", "window"},
}
FUNCTIONS = {"arrow_function", "function_declaration", "function_expression", "method_definition"}
each_file = pytest.mark.parametrize("path", [*FILES, SCRIPT, *PAGES], ids=lambda path: path.name)


def parsed(code):
    tree = PARSER.parse(code.encode()).root_node
    assert not tree.has_error
    return tree


def text_of(node):
    return node.text.decode()


def bound(pattern):
    """The names that a pattern gives values to: `{ size, padding = 0 }` in a parameter or behind const."""
    if pattern is None:
        return set()
    if pattern.type in ("identifier", "shorthand_property_identifier_pattern"):
        return {text_of(pattern)}
    if pattern.type in ("assignment_pattern", "object_assignment_pattern"):
        return bound(pattern.named_children[0])
    if pattern.type == "pair_pattern":
        return bound(pattern.child_by_field_name("value"))
    return set().union(*map(bound, pattern.named_children))


def declared(scope):
    """The names that a scope's own statements declare."""
    names = set()
    for statement in scope.named_children:
        statement = statement.child_by_field_name("declaration") or statement
        if statement.type in ("lexical_declaration", "variable_declaration"):
            names |= set().union(*(bound(each.child_by_field_name("name")) for each in statement.named_children))
        elif statement.type in ("function_declaration", "class_declaration"):
            names.add(text_of(statement.child_by_field_name("name")))
    return names


def free(node, known=frozenset()):
    """The names that are used under a node and declared nowhere around their place."""
    if node.type == "import_statement":
        return set()
    if node.type in ("identifier", "shorthand_property_identifier"):
        return {text_of(node)} - known
    if node.type in FUNCTIONS:
        parameters = node.child_by_field_name("parameters") or node.child_by_field_name("parameter")
        known = known | bound(parameters)
    elif node.type in ("program", "statement_block") or node.type == "for_statement":
        known = known | declared(node)
    elif node.type in ("for_in_statement", "catch_clause"):
        known = known | bound(node.child_by_field_name("left") or node.child_by_field_name("parameter"))
    return set().union(*(free(child, known) for child in node.named_children if child.type != "comment"))


def imports(path):
    """{name: the module it is imported from}, as the file says."""
    found = {}
    for statement in re.findall(r'^import \{([^}]+)\} from "(.+?)";', path.read_text("utf-8"), flags=re.MULTILINE):
        found |= {
            name.strip(): (path.parent / statement[1]).resolve() for name in statement[0].split(",") if name.strip()
        }
    return found


def exports(path):
    code = modules._from_python() if path.name == modules.FROM_PYTHON else path.read_text("utf-8")
    return {
        name for node in parsed(code).named_children if node.type == "export_statement" for name in declared_by(node)
    }


def declared_by(statement):
    declaration = statement.child_by_field_name("declaration")
    if declaration is None:
        return set()  # export default
    if declaration.type == "function_declaration":
        return {text_of(declaration.child_by_field_name("name"))}
    return set().union(*(bound(each.child_by_field_name("name")) for each in declaration.named_children))


@each_file
def test_every_name_is_declared_or_imported_and_every_import_is_used(path):
    code = path.read_text("utf-8")
    assert free(parsed(code)) - OF_THE_BROWSER - ONLY_THERE.get(path.name, set()) == set(imports(path))


@each_file
def test_what_is_imported_is_exported_there(path):
    for name, module in imports(path).items():
        assert name in exports(module), f"{name} from {module.name}"


@pytest.mark.parametrize("name", [path.name for path in FILES if "export default" in path.read_text("utf-8")])
def test_what_is_joined_declares_each_name_once(name):
    statements = parsed(modules.browser_code(name)).named_children
    names = [name for statement in statements for name in declared(parsed(text_of(statement)))]
    assert sorted(names) == sorted(set(names))


def test_everything_that_is_exported_is_imported_somewhere():
    used = {(name, module) for path in FILES for name, module in imports(path).items()}
    assert [name for path in FILES for name in exports(path) if (name, path) not in used] == []


@pytest.mark.parametrize(
    ("code", "names"),
    [
        ("const a = b;", {"b"}),
        ("function f({ a, b = c, d: [e], ...g }, h = a) { return a + b + d + e + g + h; }", {"c", "d"}),
        ("const f = (a) => { const { b } = a; for (const c of b) d(c); };\nb;", {"b", "d"}),
        ("for (let i = 0; i < n; i++) i;\ni;", {"i", "n"}),
        ("try { a(); } catch (error) { error.message; }", {"a"}),
        ("class A { #b = c; d(e) { return e + f; } }\nnew A();", {"c", "f"}),
        ("const o = { a, b: 1, c() { return this.x; } };", {"a"}),
        ('import { a } from "./a.js";\na();', {"a"}),
        ("`${a} b`; /* c */ 'd'; e?.f;", {"a", "e"}),
    ],
)
def test_a_free_name_is_found(code, names):
    assert free(parsed(code)) == names


def test_a_module_is_joined_once_and_behind_what_it_imports(tmp_path, monkeypatch):
    (tmp_path / "one.js").write_text(
        'import { b } from "./b.js";\nimport { c } from "./c.js";\nb(c);\nexport default 1;\n'
    )
    (tmp_path / "b.js").write_text('import { c } from "./c.js";\n\nexport function b() {}\n')
    (tmp_path / "c.js").write_text("export const c = 1;\n")
    monkeypatch.setattr(modules, "FOLDER", tmp_path)
    assert modules.browser_code("one.js").split("\n") == [
        "const c = 1;", "", "function b() {}", "b(c);", "export default 1;", "",
    ]  # fmt: skip
