"""/admin/audit: who changed what, and whether the log of it is whole."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.paging import as_page
from gateway.admin.reports import Day
from gateway.admin.roles import READERS, allow
from gateway.admin.services import AdminServices
from gateway.errors import BadRequest
from metering.audit.read import MAX_ROWS, AuditQuery
from metering.audit.show import row_json, verdict_json
from metering.audit.verify import BadHead, parse_head
from metering.periods import period_start_us


class AuditListQuery(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)
    from_: Day | None = Field(None, alias="from", description="First day (UTC).")
    to: Day | None = Field(None, description="Last day, included.")
    who: str | None = Field(None, description="`tenant/key`, `admin_key`, `cli:USER` or `gateway:CAUSE`.")
    action: str | None = Field(None, description="`key.revoke`, or `key` for all that begin with `key.`.")
    subject: str | None = Field(None, description="Such as `key acme/web`.")
    limit: int = Field(100, ge=1, le=MAX_ROWS - 1)
    after: int | None = Field(None, ge=0, le=2**63 - 1, description="`last_id` of the page before.")
    order: Literal["asc", "desc"] = Field("desc", description="desc: newest first.")

    def to_query(self) -> AuditQuery:
        """One row more than a page has, to know whether there is another."""
        return AuditQuery(
            from_us=None if self.from_ is None else period_start_us(self.from_),
            until_us=None if self.to is None else period_start_us(self.to + timedelta(days=1)),
            who=self.who,
            action=self.action,
            subject=self.subject,
            limit=self.limit + 1,
            after=self.after,
            newest_first=self.order == "desc",
        )


class VerifyQuery(BaseModel):
    model_config = ConfigDict(extra="forbid")
    head: str | None = Field(None, description="A head that was noted earlier: SEQ:HASH or HASH.")


def install(router: APIRouter, services: AdminServices) -> None:

    @router.get("/admin/audit", tags=["Audit"], dependencies=[Depends(allow(READERS))])
    def audit(query: Annotated[AuditListQuery, Query()]) -> dict[str, Any]:
        """Every change that was made through management: who, when, what, before and after."""
        found = services.audit_rows(query.to_query())
        page, more = found[: query.limit], len(found) > query.limit
        return as_page([row_json(row) for row in page], [row.seq for row in page], has_more=more)

    @router.get("/admin/audit/verify", tags=["Audit"], dependencies=[Depends(allow(READERS))])
    def verify(query: Annotated[VerifyQuery, Query()]) -> dict[str, Any]:
        """Reads the whole log and checks its chain of hashes. `ok` says whether it is what was written."""
        try:
            noted = None if query.head is None else parse_head(query.head)
        except BadHead as error:
            raise BadRequest(f"{error}.", param="head") from error
        return verdict_json(services.verify_audit(noted))
