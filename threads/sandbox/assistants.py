"""The assistants of the sandbox. Which statutes one answers from is the only difference in content."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from ..completions.types import Assistant
from .corpus import passages
from .ranking import Index

EMPLOYMENT_LAW = UUID("5a4d0001-7c1e-4b7a-9d52-0c5e1f6b2a01")
WORKING_TIME = UUID("5a4d0002-7c1e-4b7a-9d52-0c5e1f6b2a02")
FAMILY = UUID("5a4d0003-7c1e-4b7a-9d52-0c5e1f6b2a03")

_LICENCE = {"__root__": ["user_data"], "user_data": ["licence"]}


@dataclass(frozen=True)
class SandboxAssistant:
    id: UUID
    name: str
    answer_type: UUID  # `meta_data.type` of its answers
    statutes: frozenset[str] = frozenset()  # empty: all
    requires_licence: bool = False
    says_legal_advice: bool = True  # False: `meta_data` of its answers has no such key

    @cached_property
    def index(self) -> Index:
        return Index([p for p in passages() if not self.statutes or p.abbreviation in self.statutes])

    def as_json(self) -> dict[str, Any]:
        properties = {"intent": {"type": "string"}, "type": {"type": "string", "format": "uuid"}}
        if self.says_legal_advice:
            properties["legal_advice"] = {"type": "boolean"}
        schema = {"type": "object", "properties": properties, "required": sorted(properties)}
        return Assistant(
            id=self.id,
            name=self.name,
            meta_data_response_schema=schema,
            request_required_fields=_LICENCE if self.requires_licence else {},
        ).model_dump(mode="json")


ASSISTANTS = {
    assistant.id: assistant
    for assistant in (
        SandboxAssistant(
            EMPLOYMENT_LAW,
            "Personal & Arbeitsrecht (Beispiel)",
            UUID("53aa66b7-b874-407f-967c-3a959c919d62"),
        ),
        SandboxAssistant(
            WORKING_TIME,
            "Arbeitszeit & Urlaub (Beispiel)",
            UUID("0c1f3c7e-52c4-4c0f-8a35-9f7c6b1d4e02"),
            statutes=frozenset({"ArbZG", "BUrlG", "EFZG", "JArbSchG", "SGB IX", "TzBfG"}),
            requires_licence=True,
        ),
        SandboxAssistant(
            FAMILY,
            "Familie & Gleichbehandlung (Beispiel)",
            UUID("e7b6a2d4-1f58-4f0b-b1c9-64d2c8a05f03"),
            statutes=frozenset({"AGG", "BEEG", "MuSchG", "PflegeZG", "SGB IX", "TzBfG"}),
            says_legal_advice=False,
        ),
    )
}
