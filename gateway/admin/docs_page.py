"""/docs: the OpenAPI document as one page of plain HTML. No script and no asset from elsewhere, so it reads
the same in a data centre without internet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
body{color:#1a1f24;background:#fff}
h2{margin-top:2.5rem;border-bottom:1px solid #d5dbe1}code,pre{font:14px/1.4 ui-monospace,monospace}
pre{background:#f3f5f7;padding:.75rem;overflow:auto}table{border-collapse:collapse;width:100%}
td,th{text-align:left;vertical-align:top;padding:.25rem .75rem .25rem 0;border-top:1px solid #e6eaee}
details{margin:.5rem 0}summary{cursor:pointer}.verb{display:inline-block;min-width:4.5rem;font-weight:700}
@media(prefers-color-scheme:dark){body{color:#dfe5ea;background:#14181c}pre{background:#1e242a}
td,th{border-color:#2b333b}h2{border-color:#36404a}a{color:#8ab8ff}}
"""


def render_docs(document: Mapping[str, Any]) -> str:
    info = document["info"]
    title = escape(f"{info['title']} {info['version']}")
    sections = "".join(_section(tag, operations) for tag, operations in _by_tag(document).items())
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        '<meta name="viewport" content="width=device-width"><style>'
        f"{_STYLE}</style><h1>{title}</h1><p>{escape(info['description'])}</p>"
        "<p>Every request takes <code>Authorization: Bearer KEY</code>: the admin key, or a key with a role. "
        'Machine-readable: <a href="/openapi.json">/openapi.json</a>.</p>'
        f"{sections}</html>"
    )


def _by_tag(document: Mapping[str, Any]) -> dict[str, list[str]]:
    sections: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            tag = operation.get("tags", ["Other"])[0]
            sections.setdefault(tag, []).append(_operation(path, method.upper(), operation, document))
    return sections


def _section(tag: str, operations: list[str]) -> str:
    return f"<h2>{escape(tag)}</h2>{''.join(operations)}"


def _operation(path: str, method: str, operation: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    body = _body_schema(operation, document)
    rows = [*_parameters(operation), *_fields(body)]
    table = "<table><tr><th>Name<th>In<th>Type<th>Meaning" + "".join(rows) + "</table>" if rows else ""
    return (
        f'<details><summary><span class="verb">{method}</span><code>{escape(path)}</code></summary>'
        f"<p>{escape(operation.get('description', operation.get('summary', '')))}</p>{table}"
        f"<pre>{escape(_curl(path, method, body))}</pre></details>"
    )


def _parameters(operation: Mapping[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", ()):
        name = parameter["name"] + (" *" if parameter.get("required") else "")
        description = parameter.get("description", "")
        yield _row(name, parameter["in"], _type(parameter.get("schema", {})), description)


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        shown = f"{name} *" if name in required else name
        yield _row(shown, "body", _type(field), field.get("description", ""))


def _row(*cells: str) -> str:
    return "<tr>" + "".join(f"<td>{escape(cell)}" for cell in cells)


def _type(schema: Mapping[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type(each) for each in schema["anyOf"])
    if schema.get("type") == "array":
        return f"list of {_type(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type") or "any")


def _body_schema(operation: Mapping[str, Any], document: Mapping[str, Any]) -> Mapping[str, Any]:
    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
    name = str(content.get("schema", {}).get("$ref", "")).rpartition("/")[2]
    schema: Mapping[str, Any] = document.get("components", {}).get("schemas", {}).get(name, {})
    return schema


def _curl(path: str, method: str, body: Mapping[str, Any]) -> str:
    verb = "" if method == "GET" else f"-X {method} "
    line = f"curl -s {verb}-H 'authorization: Bearer KEY' 'http://127.0.0.1:8080{path}'"
    if not body:
        return line
    example = ", ".join(f'"{name}": "..."' for name in body.get("required", ()))
    return f"{line} \\\n  -H 'content-type: application/json' -d '{{{example}}}'"
