// Shows a search at the hub: what is asked, what is taken from the answer, and the error without an answer.
import { expect, test } from "vitest";
import { startModelServer } from "../../testing/model-server.ts";
import { searchHub } from "./hub-search.ts";

const content = Buffer.from("GGUF");

test("asks for GGUF models by name, and sorts them by downloads", async () => {
  await using hub = await startModelServer({
    content,
    found: [
      { id: "bees/small-GGUF", downloads: 12, likes: 3, gated: false },
      { id: "bees/large-GGUF", downloads: 4_000, likes: 70, gated: "manual" },
      { id: "bees/odd", downloads: -1, likes: "many" },
      { id: "../secret", downloads: 9 },
      { id: "a/b?c", downloads: 9 },
      null,
      7,
    ],
  });
  expect(await searchHub("small & large", { endpoint: hub.url })).toEqual([
    { reference: "hf:bees/large-GGUF", downloads: 4_000, likes: 70, gated: true },
    { reference: "hf:bees/small-GGUF", downloads: 12, likes: 3, gated: false },
    { reference: "hf:bees/odd", downloads: 0, likes: 0, gated: false },
  ]);
  expect(hub.requests).toEqual([
    "GET /api/models?search=small+%26+large&filter=gguf&sort=downloads&direction=-1&limit=30 ",
  ]);
});

test.each([
  ["a list is missing", { error: "no" }, "Cannot search for models: the hub's answer is not a list"],
  ["there is no answer", undefined, "Cannot search for models: the server has no such file (HTTP 404)"],
])("%s: the error does not contain the query", async (_, found, message) => {
  await using hub = await startModelServer({ content, found });
  await expect(searchHub("my-query", { endpoint: hub.url })).rejects.toMatchObject({ code: "unavailable", message });
});

test("without a network, the error names the hub", async () => {
  const hub = await startModelServer({ content });
  await hub[Symbol.asyncDispose]();
  await expect(searchHub("my-query", { endpoint: hub.url })).rejects.toMatchObject({
    code: "unavailable",
    message: `Cannot search for models: ${hub.url} cannot be reached (connection refused)`,
  });
});

test("ends when its signal aborts", async () => {
  await using hub = await startModelServer({ content, found: [] });
  const signal = AbortSignal.abort(new Error("left"));
  await expect(searchHub("bees", { endpoint: hub.url, signal })).rejects.toThrow("left");
});
