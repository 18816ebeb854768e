"""Every setting is documented, with its true default, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter
from pydantic.fields import FieldInfo

from gateway.config_file import parse
from gateway.config_schema import every_key

DOC = Path(__file__).parents[2] / "docs" / "configuration.md"
ROW = re.compile(r"^\| `([^`]+)` \|([^|]+)\|([^|]+)\|([^|]+)\|$", re.MULTILINE)
FIELDS = dict(every_key())


def rows() -> dict[str, tuple[str, str]]:
    """Key -> (default, meaning)."""
    found = ROW.findall(DOC.read_text())
    assert len({key for key, *_ in found}) == len(found), "a key is documented twice"
    return {key: (default.strip(), meaning.strip()) for key, _, default, meaning in found}


def test_every_setting_has_a_row_and_every_row_a_setting() -> None:
    assert set(rows()) == set(FIELDS)


def value_of(text: str, field: FieldInfo) -> Any:
    adapter: TypeAdapter[Any] = TypeAdapter(Annotated[field.annotation, "of the field", *field.metadata])
    number = text.isdigit() and field.annotation is not str
    return adapter.validate_python(int(text) if number else text)


@pytest.mark.parametrize("key", FIELDS)
def test_a_documented_default_is_the_true_one(key: str) -> None:
    field = FIELDS[key]
    default, meaning = rows()[key]
    assert len(meaning) > 5
    if field.is_required():
        assert default == "required"
    elif default == "":
        assert field.default_factory is not None or field.default in (None, (), "")
    else:
        assert value_of(default.strip("`"), field) == field.default


def test_the_complete_example_is_a_configuration() -> None:
    example = re.search(r"```yaml\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert example is not None
    environ = {"WEIR_ADMIN_KEY": "0f9d8c7b6a5f4e3d2c1b0a99"}
    environ |= {"OPENAI_API_KEY": "k", "WEIR_DB_PASSWORD": "p"}
    loaded = parse(example[1], environ, priced=lambda settings, backend, model: backend == "openai")
    assert loaded.warnings == ()
    documented_at_top = {key.split(".")[0].removesuffix("[]") for key in FIELDS}
    assert documented_at_top == loaded.settings.model_fields_set
