"""YAML text -> plain values that remember where they stood.

The rules are those of YAML 1.2's core schema, which holds fewer surprises than PyYAML's: `no`, `on` and
`12:30` are text, only `true` and `false` are truth values, and a mapping's keys are always text. Anchors
and aliases work; merge keys, explicit tags and several documents in one file do not, and are told so.
`${VAR}` and `${VAR:-default}` are expanded in text values only, after parsing: a variable's content can
never become structure, nor a number or a truth value by accident.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import isfinite

import yaml

from gateway.problems import Path, Place, Problem

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]

MAX_NODES = 200_000
"""Aliases may repeat a value; a file that unfolds beyond this is an attack or an accident."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_VARIABLE = re.compile(r"\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\}|\$\{")
_CORE_TAGS = frozenset({"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "tag:yaml.org,2002:str"})
_TOP = Place(1, 1)


@dataclass(slots=True)
class Document:
    """What a file says. Every path in `value` has its place in `values`, every mapping key in `keys`."""

    file: str
    value: Plain = None
    values: dict[Path, Place] = field(default_factory=dict)
    keys: dict[Path, Place] = field(default_factory=dict)
    expanded: dict[Path, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    """Per path the (variable, content) pairs that went into it: contents may be secrets, and are never
    shown."""
    problems: list[Problem] = field(default_factory=list)

    def place(self, path: Path) -> Place:
        """Of the key at this path, else of the value, else of the nearest thing that holds it."""
        for length in range(len(path), 0, -1):
            found = self.keys.get(path[:length]) or self.values.get(path[:length])
            if found:
                return found
        return self.values.get((), _TOP)

    def add(self, path: Path, message: str, place: Place | None = None) -> None:
        self.problems.append(Problem(self.file, place or self.place(path), path, message))


def read(file: str, text: str, environ: Mapping[str, str]) -> Document:
    """Never raises for what the text says: mistakes are in `problems`, and what could be read is in
    `value`."""
    document = Document(file)
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
    except yaml.MarkedYAMLError as error:
        _report_syntax(document, error, text)
        return document
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        document.add(
            (), f"character U+{ord(text[error.position]):04X} may not stand in a file", Place(line, 1)
        )
        return document
    except RecursionError:
        document.add((), "nested too deeply", _TOP)
        return document
    if node is None:
        document.add((), "the file is empty; it needs at least `backends`", _TOP)
        return document
    document.value = _Reader(document, environ).value(node, (), ())
    return document


def _report_syntax(document: Document, error: yaml.MarkedYAMLError, text: str) -> None:
    mark = error.problem_mark or error.context_mark
    place = Place(mark.line + 1, mark.column + 1) if mark else _TOP
    lines = text.splitlines()
    line = lines[place.line - 1] if place.line <= len(lines) else ""
    problem = error.problem or "cannot be read"
    if "'\\t'" in problem:
        message = "a tab stands here; YAML is indented with spaces"
    elif "${" in line and "flow mapping" in (error.context or ""):
        message = 'inside {...}, put quotes around a variable: "${NAME}"'
    elif "mapping values are not allowed" in problem:
        message = "a second `: ` on one line, or a wrong indentation; put text that holds `: ` in quotes"
    elif isinstance(error, yaml.composer.ComposerError) and "document" in problem:
        message = "a second document (`---`) begins here; a configuration is one document"
    else:
        message = f"not valid YAML: {problem}" + (f" ({error.context})" if error.context else "")
    document.add((), message, place)


class _Reader:
    """Turns nodes into values, one pass, depth first."""

    def __init__(self, document: Document, environ: Mapping[str, str]) -> None:
        self._document = document
        self._environ = environ
        self._nodes = 0

    def value(self, node: yaml.Node, path: Path, above: tuple[int, ...]) -> Plain:
        self._document.values[path] = place = _place(node)
        self._nodes += 1
        if self._nodes == MAX_NODES:
            self._document.add(path, "aliases unfold this file beyond all measure", place)
        if self._nodes >= MAX_NODES:
            return None
        if id(node) in above:
            self._document.add(path, "an alias holds itself", place)
            return None
        if node.tag not in _CORE_TAGS:
            self._document.add(path, f"tags such as {node.tag} are not supported", place)
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path, (*above, id(node)))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(n, (*path, i), (*above, id(node))) for i, n in enumerate(node.value)]
        unquoted = isinstance(node, yaml.ScalarNode) and node.style is None
        return self._scalar(str(node.value), unquoted, path)

    def _mapping(self, node: yaml.MappingNode, path: Path, above: tuple[int, ...]) -> Plain:
        result: dict[str, Plain] = {}
        for key_node, value_node in node.value:
            place = _place(key_node)
            if not isinstance(key_node, yaml.ScalarNode):
                self._document.add(path, "a name must be text, not a list or a mapping", place)
                continue
            key = key_node.value
            here = (*path, key)
            if key == "<<" and key_node.style is None:
                self._document.add(here, "merge keys are not supported; write the settings out", place)
            elif key in result:
                first = self._document.keys[here].line
                self._document.add(here, f"stands twice; the first is on line {first}", place)
            else:
                self._document.keys[here] = place
                result[key] = self.value(value_node, here, above)
        return result

    def _scalar(self, text: str, unquoted: bool, path: Path) -> Plain:
        if "${" in text:
            expanded = self._expand(text, path, self._document.values[path])
            # `api_key: ${KEY:-}` without KEY means "no api_key", not an empty one.
            return None if unquoted and expanded == "" else expanded
        return _plain(text) if unquoted else text

    def _expand(self, text: str, path: Path, place: Place) -> str:
        used: list[tuple[str, str]] = []

        def replace(match: re.Match[str]) -> str:
            name, default = match[1], match[3]
            if match[0] == "$${":
                return "${"
            if name is None:
                self._document.add(path, "write ${NAME} or ${NAME:-default}", place)
                return ""
            content = self._environ.get(name, "")
            if content:
                used.append((name, content))
                return content
            if default is None:
                state = "is set but empty" if name in self._environ else "is not set"
                self._document.add(path, f"the environment variable {name} {state}", place)
            return default or ""

        expanded = _VARIABLE.sub(replace, text)
        if used:
            self._document.expanded[path] = tuple(used)
        return expanded


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


def _plain(text: str) -> Plain:
    """An unquoted scalar, by the core schema. Infinities and very long numbers stay text: no setting is
    either, and a key made of digits must keep every one."""
    if text in _NULL:
        return None
    if text in _BOOL:
        return _BOOL[text]
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text) and len(text) <= 32:
        number = float(text)
        return number if isfinite(number) else text
    return text
