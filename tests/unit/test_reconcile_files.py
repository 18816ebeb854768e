"""Vendors' files as they come: every form, every mistake with its place."""

from __future__ import annotations

import gzip
import io
import json
import sys
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from metering.reconcile.detect import VendorFile, form_of, read_file
from metering.reconcile.focus import FocusOptions, import_focus, provider_id
from metering.reconcile.line import ImportFailed, LineKind
from metering.reconcile.meters import model_in, token_class, tokens_per_unit
from metering.reconcile.names import ModelNames, canonical
from metering.reconcile.openai import import_openai, line_item

MIDNIGHT = 1_790_812_800
"""2026-10-01, UTC."""


def openai_page(*results: dict[str, Any], start: object = MIDNIGHT) -> bytes:
    bucket = {"object": "bucket", "start_time": start, "results": list(results)}
    return json.dumps({"object": "page", "data": [bucket], "has_more": False}).encode()


def cost(value: object = 0.5, item: object = "gpt-5-mini, input", **more: object) -> dict[str, Any]:
    return {"amount": {"value": value, "currency": "usd"}, "line_item": item, **more}


def anthropic_page(*results: dict[str, Any]) -> bytes:
    return json.dumps({"data": [{"starting_at": "2026-10-01T00:00:00Z", "results": list(results)}]}).encode()


def focus_file(*rows: dict[str, str], gone: str = "") -> bytes:
    base = {
        "ProviderName": "Microsoft",
        "ChargePeriodStart": "2026-10-01T00:00:00Z",
        "BilledCost": "1.5",
        "EffectiveCost": "1.25",
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": "Azure OpenAI",
        "SkuMeter": "Input Tokens",
        "SkuId": "azure/gpt-5/Input",
        "SkuPriceDetails": "",
        "ConsumedQuantity": "2",
        "ConsumedUnit": "1000 Tokens",
        "ChargeDescription": "",
    }
    titles = [name for name in base if name != gone]
    lines = [",".join(titles)]
    lines += [",".join(_quoted({**base, **row}[name]) for name in titles) for row in rows]
    return "\n".join(lines).encode()


def _quoted(cell: str) -> str:
    return '"' + cell.replace('"', '""') + '"'


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        ("gpt-5-mini-2025-08-07, cached input", (LineKind.TOKENS, "gpt-5-mini-2025-08-07", "cache_read")),
        ("gpt-5-mini, input", (LineKind.TOKENS, "gpt-5-mini", "input")),
        ("gpt-5-mini, cache write", (LineKind.TOKENS, "gpt-5-mini", "cache_write")),
        ("gpt-5, output, flex", (LineKind.TOKENS, "gpt-5", "output")),
        ("gpt-4o-search-preview, input", (LineKind.TOKENS, "gpt-4o-search-preview", "input")),
        ("gpt-4o-audio, audio output", (LineKind.OTHER, "gpt-4o-audio", "audio output")),
        ("text-embedding-3-small", (LineKind.TOKENS, "text-embedding-3-small", "tokens")),
        ("web search tool calls", (LineKind.OTHER, None, "web search tool calls")),
    ],
)
def test_openais_line_items(item: str, expected: tuple[object, ...]) -> None:
    assert line_item(item) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Input Tokens", "input"),
        ("uncached_input_tokens", "input"),
        ("Cached Input Tokens", "cache_read"),
        ("cache_read_input_tokens", "cache_read"),
        ("cache_creation.ephemeral_1h_input_tokens", "cache_write"),
        ("Cache Write Tokens", "cache_write"),
        ("USE1-Claude4Sonnet-cache-write-input-token-count", "cache_write"),
        ("gpt 4o 0806 Inp glbl Tokens", "input"),
        ("gpt 4o 0806 Outp regnl Tokens", "output"),
        ("Reasoning Tokens", "output"),
        ("Tokens", "tokens"),
        ("Web Search Requests", None),
        ("Provisioned Managed Hours", None),
        ("Standard storage", None),
    ],
)
def test_classes_of_tokens_in_names_of_meters(text: str, expected: str | None) -> None:
    assert token_class(text) == expected


def test_units_models_and_providers() -> None:
    units = (
        "Tokens",
        "tokens",
        "1000 Tokens",
        "1K Tokens",
        "1M tokens",
        "1,000 Tokens",
        "1K",
        "count",
        "Requests",
        "Hours",
        "1.2.3",
        "",
    )
    assert [tokens_per_unit(unit) for unit in units] == [
        *(1, 1, 1000, 1000, 10**6, 1000, 1000, 1),
        *(None, None, None, None),
    ]
    assert model_in("gpt 4o 0806 Inp glbl Tokens") == "gpt 4o 0806"
    assert model_in("USE1-claude-sonnet-4-input-tokens") == "claude-sonnet-4"
    assert model_in("Gemini 2.5 Flash Input Tokens") == "Gemini 2.5 Flash"
    names = ["Amazon Web Services", "Microsoft", "Google Cloud", "OpenAI", "Some Cloud"]
    assert [provider_id(name) for name in names] == ["aws", "azure", "google", "openai", "some cloud"]


def test_one_name_per_model() -> None:
    same = [
        "gpt-5-mini", "GPT 5 mini", "openai/gpt-5-mini", "gpt-5-mini-2025-08-07", "gpt-5-mini-20250807",
        "gpt-5-mini@20250807", "gpt-5-mini-latest",
    ]  # fmt: skip
    assert {canonical(name) for name in same} == {"gpt-5-mini"}
    assert canonical("us.anthropic.claude-sonnet-4-20250514-v1:0") == "claude-sonnet-4"
    assert canonical("gpt-5") != canonical("gpt-5-mini")
    assert ModelNames({"House Brand": "gpt-5-mini-2025-08-07"}).of("house brand") == "gpt-5-mini"


def test_openai_costs_and_usage() -> None:
    page = openai_page(
        cost(0.1 + 0.2, quantity=3, quantity_unit="1K tokens", project_id="p", api_key_id="k"),
        cost(-1, "promotional credit grant"),
        cost(2, None),
        {"input_tokens": 10, "input_cached_tokens": 4, "output_tokens": 0, "model": "m"},
    )
    first, credit, ungrouped, fresh, cached = import_openai("f.json", page).lines
    assert (first.cost_nanos, first.quantity, first.project, first.key) == (300_000_000, 3000, "p", "k")
    assert first.day == date(2026, 10, 1)
    assert (credit.kind, credit.cost_nanos) == (LineKind.CREDIT, -(10**9))
    assert (ungrouped.kind, ungrouped.model, ungrouped.meter) == (LineKind.TOKENS, None, None)
    assert [(line.meter, line.quantity, line.cost_nanos) for line in (fresh, cached)] == [
        ("input", 6, None),
        ("cache_read", 4, None),
    ]
    assert first.reference == "f.json: page 1.data[0].results[0]"


def test_pages_come_one_by_one_in_a_list_or_a_line_each() -> None:
    page = openai_page(cost())
    for data in (page, b"[" + page + b"," + page + b"]", page + b"\n" + page + b"\n", b"\xef\xbb\xbf" + page):
        assert {line.cost_nanos for line in import_openai("f", data).lines} == {500_000_000}


def test_anthropics_amounts_are_cents() -> None:
    usd = {"currency": "USD"}
    of_tokens = {"cost_type": "tokens", "token_type": "output_tokens", "model": "c"}
    page = anthropic_page(
        {**usd, "amount": "123.45", **of_tokens},
        {**usd, "amount": "1000", "cost_type": "web_search", "model": None},
        {**usd, "amount": "7", "model": None},
    )
    tokens, search, ungrouped = read_file(VendorFile("f.json", page)).lines
    assert (tokens.cost_nanos, tokens.meter, tokens.kind) == (1_234_500_000, "output", LineKind.TOKENS)
    assert (search.cost_nanos, search.kind) == (10 * 10**9, LineKind.OTHER)
    assert (ungrouped.kind, ungrouped.model, ungrouped.meter) == (LineKind.TOKENS, None, None)


def test_anthropics_cache_writes_of_both_lengths_are_one_class() -> None:
    result = {
        "uncached_input_tokens": 5,
        "cache_creation": {"ephemeral_5m_input_tokens": 2, "ephemeral_1h_input_tokens": 3},
        "cache_read_input_tokens": 1,
        "output_tokens": 4,
        "model": "c",
    }
    lines = read_file(VendorFile("f.json", anthropic_page(result))).lines
    found = {line.meter: line.quantity for line in lines}
    assert found == {"input": 5, "cache_write": 5, "cache_read": 1, "output": 4}


def test_focus_rows() -> None:
    other_use = {"SkuMeter": "", "SkuId": "", "ChargeDescription": "Grounding with search"}
    data = focus_file(
        {},
        {"ChargeCategory": "Tax", "ServiceCategory": "Other", "BilledCost": "0.25"},
        {"ServiceCategory": "Compute", "BilledCost": "100"},
        {"SkuMeter": "gpt 4o 0806 Outp glbl Tokens", "SkuId": "", "ConsumedUnit": "1M Tokens"},
        {**other_use, "ConsumedUnit": "Requests"},
        {"ChargeCategory": "Credit", "BilledCost": "-3"},
        {"SkuPriceDetails": '{"x_ModelId": "gpt-5-mini", "x_TokenType": "cached input"}'},
    )
    found = import_focus("f.csv", data)
    use, tax, by_meter, other, credit, said = found.lines
    assert (use.vendor, use.model, use.meter) == ("azure", "gpt-5", "input")
    assert (use.quantity, use.cost_nanos) == (2000, 1_500_000_000)
    kinds = [line.kind.value for line in found.lines]
    assert kinds == ["tokens", "tax", "tokens", "other", "credit", "tokens"]
    assert (tax.cost_nanos, credit.cost_nanos, other.model) == (250_000_000, -3 * 10**9, None)
    assert (by_meter.model, by_meter.meter, by_meter.quantity) == ("gpt 4o 0806", "output", 2 * 10**6)
    assert (said.model, said.meter) == ("gpt-5-mini", "cache_read")
    assert (found.left_out, found.left_out_nanos) == (1, 100 * 10**9)
    options = FocusOptions("effective", frozenset({"azure openai"}), "azure")
    assert import_focus("f.csv", data, options).lines[0].cost_nanos == 1_250_000_000
    assert import_focus("f.csv", data, FocusOptions(provider="aws")).lines == []


INSTANTS = [
    "2026-10-01T00:00:00Z",
    "2026-10-01T00:00Z",
    "2026-10-01 00:00:00 UTC",
    "2026-10-01",
    "2026-09-30T23:00:00-01:00",
]


@pytest.mark.parametrize("start", INSTANTS)
def test_instants_as_clouds_write_them(start: str) -> None:
    assert import_focus("f", focus_file({"ChargePeriodStart": start})).lines[0].day == date(2026, 10, 1)


def test_focus_is_read_from_parquet_and_gzip_too() -> None:
    plain = focus_file({}, {"BilledCost": "0.000000001"})
    expected = import_focus("f", plain).lines
    assert import_focus("f", gzip.compress(plain)).lines == expected
    table = pyarrow.table(
        {
            "ServiceProviderName": ["Microsoft", "Microsoft"],
            "ChargePeriodStart": [date(2026, 10, 1), date(2026, 10, 1)],
            "BilledCost": pyarrow.array([Decimal("1.5"), Decimal("0.000000001")], pyarrow.decimal128(30, 12)),
            "BillingCurrency": ["USD", "USD"],
            "SkuMeter": ["Input Tokens", "Input Tokens"],
            "SkuPriceDetails": pyarrow.array(
                [[("x_ModelId", "gpt-5")], [("x_ModelId", "gpt-5")]],
                pyarrow.map_(pyarrow.string(), pyarrow.string()),
            ),
            "ConsumedQuantity": [2000.0, 2000.0],
            "ConsumedUnit": ["Tokens", "Tokens"],
        }
    )
    out = io.BytesIO()
    pyarrow.parquet.write_table(table, out)
    assert import_focus("f", out.getvalue()).lines == expected
    assert form_of(VendorFile("f", out.getvalue())) == "focus"
    with pytest.raises(ImportFailed, match=r"bad.parquet: cannot be read as Parquet"):
        import_focus("bad.parquet", out.getvalue()[:200])


def test_parquet_without_pyarrow_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ImportFailed, match="pip install pyarrow"):
        import_focus("f", b"PAR1")


BAD_JSON = [
    (b"{", "line 1: not JSON"),
    (b'{"data": [{"start_time": NaN, "results": []}]}', "not JSON: NaN is no number"),
    (b'{"results": []}', "page 1.data: is missing"),
    (b"[3]", "page 1: should be an object, not '3'"),
    (openai_page(cost(), start=None), "page 1.data[0].start_time: is missing"),
    (openai_page(cost(), start="x"), "data[0].start_time: should be a whole number"),
    (openai_page(cost(), start=10**15), "is no time in seconds"),
    (openai_page(cost("much")), "results[0].amount.value: should be a number, not 'much'"),
    (openai_page(cost(None)), "results[0].amount.value: is missing"),
    (openai_page(cost(True)), "results[0].amount.value: should be a number"),
    (openai_page(cost(item=5)), "results[0].line_item: should be text"),
    (openai_page({**cost(), "amount": {"value": 1, "currency": "eur"}}), "amount.currency: EUR: only USD"),
    (openai_page({"num_images": 2}), "results[0]: neither a cost (amount) nor tokens"),
    (openai_page({"input_tokens": -1}), "input_tokens: should be a whole number of at least 0"),
    (openai_page({"input_tokens": 1, "input_cached_tokens": 2}), "input_tokens: 1 is less than the 2 cached"),
    (anthropic_page({"amount": "1", "currency": "EUR"}), "currency: EUR: only USD"),
    (anthropic_page({"amount": "1", "currency": "USD", "token_type": "dreams"}), "token_type: 'dreams'"),
    (anthropic_page({"amount": None}), "amount: is missing"),
    (anthropic_page({"seats": 1}), "neither a cost (amount) nor tokens"),
    (b'{"data": [{"starting_at": "soon", "results": []}]}', "starting_at: 'soon' is not a time"),
    (b'{"data": []}', "nothing in it tells whose report it is"),
]


@pytest.mark.parametrize(("data", "told"), BAD_JSON, ids=[told for _, told in BAD_JSON])
def test_mistakes_in_json_are_told_with_file_place_and_field(data: bytes, told: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        read_file(VendorFile("bill.json", data))
    assert str(caught.value).startswith("bill.json: ")
    assert told in str(caught.value)


BAD_CSV = [
    (focus_file({}, {"BilledCost": "much"}), "row 2: BilledCost: 'much' is not a number"),
    (focus_file({"BilledCost": "NaN"}), "row 1: BilledCost: 'NaN' is not a number"),
    (focus_file({"BilledCost": ""}), "row 1: BilledCost: is empty"),
    (focus_file({}, gone="BilledCost"), "row 1: BilledCost: the file has no such column"),
    (focus_file({"BillingCurrency": "EUR"}), "row 1: BillingCurrency: 'EUR': only USD"),
    (focus_file({"ChargePeriodStart": "soon"}), "row 1: ChargePeriodStart: 'soon' is not a time"),
    (focus_file({"ChargePeriodStart": ""}), "row 1: ChargePeriodStart: is missing"),
    (focus_file({"ChargeCategory": "Gift"}), "row 1: ChargeCategory: 'Gift' is not known"),
    (focus_file({"SkuPriceDetails": "{"}), "row 1: SkuPriceDetails: not JSON"),
    (focus_file({"SkuPriceDetails": "[]"}), "row 1: SkuPriceDetails: not a JSON object"),
    (focus_file({"ConsumedQuantity": "few"}), "row 1: ConsumedQuantity: 'few' is not a number"),
    (b"A,B\n1\n", "row 1: 1 cells under 2 titles"),
    (b"A,A\n1,2\n", "the column 'A' is there twice"),
    (b"", "has no line of titles"),
    (b"A\n\xff\n", "byte 2: not UTF-8"),
    (b'A\n"open', "line 2: unexpected end of data"),
    (b"\x1f\x8bno", "cannot be unpacked"),
]


@pytest.mark.parametrize(("data", "told"), BAD_CSV, ids=[told for _, told in BAD_CSV])
def test_mistakes_in_focus_files_are_told_with_file_row_and_column(data: bytes, told: str) -> None:
    with pytest.raises(ImportFailed) as caught:
        read_file(VendorFile("bill.csv", data), "focus")
    assert str(caught.value).startswith("bill.csv: ")
    assert told in str(caught.value)
