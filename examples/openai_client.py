"""The openai package, unchanged, against a gateway: an answer, what it cost, a stream, an embedding.

    WEIR_API_KEY=weir-sk-... python examples/openai_client.py [BASE_URL]

`make run` prints the key; `.venv/bin/python` has the package.
"""

from __future__ import annotations

import os
import sys

from openai import OpenAI

DEFAULT_BASE_URL = "http://127.0.0.1:8080/v1"


def ask(client: OpenAI, model: str) -> None:
    """A plain answer. The headers say which model gave it, why that one, and what it cost."""
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=[{"role": "user", "content": "Say hello."}], max_tokens=32
    )
    print("answer:   ", raw.parse().choices[0].message.content)
    for header in ("x-weir-model", "x-weir-route", "x-weir-cache", "x-weir-cost-usd"):
        print(f"{header + ':':<17} {raw.headers.get(header)}")


def stream(client: OpenAI, model: str) -> None:
    """The same in pieces. Asked for usage, the last chunk carries it, and the cost with it."""
    chunks = client.chat.completions.create(
        model=model,
        messages=[{"role": "user", "content": "Count to five."}],
        max_tokens=32,
        stream=True,
        stream_options={"include_usage": True},
    )
    for chunk in chunks:
        if chunk.choices:
            print(chunk.choices[0].delta.content or "", end="", flush=True)
        elif chunk.usage:
            print("\nusage:    ", chunk.usage.model_dump(exclude_none=True))


def embed(client: OpenAI, model: str) -> None:
    answer = client.embeddings.create(model=model, input="A weir steers the water and measures it.")
    print("embedding:", len(answer.data[0].embedding), "numbers")


def main() -> None:
    base_url = sys.argv[1] if len(sys.argv) > 1 else DEFAULT_BASE_URL
    client = OpenAI(base_url=base_url, api_key=os.environ["WEIR_API_KEY"])
    ask(client, "auto")
    stream(client, "auto")
    embed(client, os.environ.get("WEIR_EMBEDDING_MODEL", "smollm2-135m"))


if __name__ == "__main__":
    main()
