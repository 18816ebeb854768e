"""As much of the Dockerfile language as this project uses: stages, and instructions with their words."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Instruction:
    name: str
    text: str

    @property
    def words(self) -> list[str]:
        """Exec form or shell form, flags left out."""
        text = re.sub(r"^(--\S+\s+)+", "", self.text)
        return json.loads(text) if text.startswith("[") else shlex.split(text)

    def flag(self, name: str) -> str | None:
        match = re.search(rf"(?:^|\s)--{name}=(\S+)", self.text)
        return match[1] if match else None


@dataclass(slots=True)
class Stage:
    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)

    def all(self, name: str) -> list[Instruction]:
        return [instruction for instruction in self.instructions if instruction.name == name]


def parse(text: str) -> dict[str, Stage]:
    """Stage name -> Stage, in order. A stage without a name goes by its number."""
    joined = re.sub(
        r"\\\n\s*", "", "\n".join(li for li in text.splitlines() if not li.lstrip().startswith("#"))
    )
    stages: dict[str, Stage] = {}
    current: Stage | None = None
    for line in joined.splitlines():
        if not line.strip():
            continue
        name, _, rest = line.strip().partition(" ")
        if name.upper() == "FROM":
            words = rest.split()
            current = Stage(words[2] if len(words) == 3 else str(len(stages)), words[0])
            stages[current.name] = current
        else:
            assert current is not None, f"{name} stands before the first FROM"
            current.instructions.append(Instruction(name.upper(), rest.strip()))
    return stages


def lineage(stages: dict[str, Stage], name: str) -> list[Stage]:
    """The stage and what it is built on, nearest first."""
    stage = stages[name]
    return [stage, *(lineage(stages, stage.base) if stage.base in stages else [])]
