// The openai package, unchanged. Run by test_openai_node.py, which says where the gateway is.

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import test from "node:test";

import OpenAI from "openai";

const { WEIR_BASE_URL: baseURL, WEIR_API_KEY: apiKey, WEIR_MODEL: model, WEIR_FAKE_MODEL: fake } = process.env;
const client = new OpenAI({ baseURL, apiKey, maxRetries: 0 });
const marked = () => [{ role: "user", content: `[id:${randomUUID()}]` }];

test("a chat answer", async () => {
  const answer = await client.chat.completions.create({ model, messages: marked(), max_tokens: 16 });
  assert.ok(answer.choices[0].message.content);
  assert.equal(answer.usage.total_tokens, answer.usage.prompt_tokens + answer.usage.completion_tokens);
});

test("headers of an answer", async () => {
  const { data, response, request_id } = await client.chat.completions
    .create({ model, messages: marked(), max_tokens: 4 })
    .withResponse();
  assert.ok(data.choices.length);
  assert.equal(request_id, response.headers.get("x-request-id"));
  assert.equal(response.headers.get("x-weir-model"), model);
  assert.ok(Number(response.headers.get("x-weir-cost-usd")) > 0);
});

test("a stream without usage", async () => {
  const stream = await client.chat.completions.create({ model, messages: marked(), max_tokens: 16, stream: true });
  let text = "";
  for await (const chunk of stream) {
    assert.equal(chunk.choices.length, 1);
    assert.ok(!chunk.usage);
    text += chunk.choices[0].delta.content ?? "";
  }
  assert.ok(text);
});

test("a stream with usage", async () => {
  const stream = await client.chat.completions.create({
    model, messages: marked(), max_tokens: 16, stream: true, stream_options: { include_usage: true },
  });
  let last;
  for await (const chunk of stream) last = chunk;
  assert.deepEqual(last.choices, []);
  assert.ok(last.usage.completion_tokens > 0);
  assert.ok(last.usage.cost > 0);
});

test("a stream helper gathers the answer", async () => {
  const runner = client.chat.completions.stream({ model, messages: marked(), max_tokens: 8 });
  assert.ok((await runner.finalMessage()).content);
});

test("leaving a stream early", async () => {
  const stream = await client.chat.completions.create({ model, messages: marked(), max_tokens: 200, stream: true });
  for await (const chunk of stream) {
    assert.ok(chunk.id);
    break;
  }
  assert.ok(stream.controller.signal.aborted);
});

test("a plain completion", async () => {
  const answer = await client.completions.create({ model, prompt: "One, two,", max_tokens: 8 });
  assert.ok(answer.choices[0].text);
});

test("embeddings, by default and as floats", async () => {
  const decoded = await client.embeddings.create({ model, input: "weir" });
  const floats = await client.embeddings.create({ model, input: "weir", encoding_format: "float" });
  assert.equal(decoded.data[0].embedding.length, floats.data[0].embedding.length);
  assert.ok(Math.abs(decoded.data[0].embedding[0] - floats.data[0].embedding[0]) < 1e-5);
});

test("models", async () => {
  const names = [];
  for await (const each of client.models.list()) names.push(each.id);
  assert.ok(names.includes(model));
  assert.equal((await client.models.retrieve(model)).id, model);
});

test("a wrong key", async () => {
  const stranger = new OpenAI({ baseURL, apiKey: "weir-sk-nobodys", maxRetries: 0 });
  await assert.rejects(stranger.models.list(), (error) => {
    assert.ok(error instanceof OpenAI.AuthenticationError);
    assert.equal(error.code, "invalid_api_key");
    assert.ok(error.requestID);
    return true;
  });
});

test("an unknown model", async () => {
  const asked = client.chat.completions.create({ model: "no-such-model", messages: marked() });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof OpenAI.NotFoundError);
    assert.equal(error.param, "model");
    return true;
  });
});

test("a wrong type", async () => {
  const asked = client.chat.completions.create({ model, messages: "not a list" });
  await assert.rejects(asked, (error) => {
    assert.ok(error instanceof OpenAI.BadRequestError);
    assert.equal(error.param, "messages");
    return true;
  });
});

test("the package's retries", async () => {
  const patient = new OpenAI({ baseURL, apiKey, maxRetries: 1 });
  const answer = await patient.chat.completions.create({ model: fake, messages: marked(), fault: "fail-first-1" });
  assert.ok(answer.choices[0].message.content);
});

test("a busy upstream", async () => {
  const asked = client.chat.completions.create({ model: fake, messages: marked(), fault: "status-429" });
  await assert.rejects(asked, (error) => error instanceof OpenAI.RateLimitError);
});
