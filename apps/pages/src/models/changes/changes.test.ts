// Shows the requests for a visitor's changes of models, and the state of each change until its end.
import { signal } from "@preact/signals";
import type { ModelEvent } from "@waggle/protocol";
import { expect, it, vi } from "vitest";
import type { Api, RequestOptions } from "../../wire/api.ts";
import { modelStatus } from "../testing/model-status.ts";
import { changesLimit, createChanges, type Change, type Changes } from "./changes.ts";

interface Asked {
  readonly what: string;
  readonly body: unknown;
  answer(response: Response): void;
}

/** A worker whose answers the test controls. */
function createWorker(): { api: Api; asked: Asked[]; changes: Changes; onChanged: ReturnType<typeof vi.fn> } {
  const asked: Asked[] = [];
  const api: Api = {
    tokenAsked: signal<"no">("no"),
    hasToken: signal(false),
    tokenDeclined: signal(false),
    giveToken: async () => "taken",
    declineToken: () => {},
    forgetToken: () => {},
    request: (path, init: RequestOptions = {}) =>
      new Promise((answer) => {
        const body = typeof init.body === "string" ? (JSON.parse(init.body) as unknown) : undefined;
        asked.push({ what: `${init.method} ${path}`, body, answer });
      }),
  };
  const onChanged = vi.fn();
  return { api, asked, changes: createChanges(api, onChanged), onChanged };
}

function openStream(): { response: Response; send(event: ModelEvent): void; close(): void } {
  let controller: ReadableStreamDefaultController<Uint8Array> | undefined;
  const body = new ReadableStream<Uint8Array>({ start: (its) => void (controller = its) });
  return {
    response: new Response(body, { status: 200 }),
    send: (event) => controller?.enqueue(new TextEncoder().encode(`data: ${JSON.stringify(event)}\n\n`)),
    close: () => controller?.close(),
  };
}

const refusal = (status: number, code: string, message: string): Response =>
  Response.json({ error: { code, message, type: "x", retryable: false } }, { status });
const done: ModelEvent = { type: "done", model: modelStatus("small", { state: "ready" }) };
const changeOf = (changes: Changes, model: string): Change | undefined => changes.ofModels.value.get(model);

it("follows a load: requested, in progress, done", async () => {
  const { asked, changes, onChanged } = createWorker();
  changes.load("small");
  expect(asked[0]).toMatchObject({ what: "POST /v1/models/load", body: { model: "small" } });
  expect(changeOf(changes, "small")).toMatchObject({ kind: "load", state: "running" });
  const { response, send } = openStream();
  asked[0]?.answer(response);
  send({ type: "progress", stage: "loading", progress: 0.5 });
  await expect.poll(() => changeOf(changes, "small")?.progress?.progress).toBe(0.5);
  expect(onChanged).not.toHaveBeenCalled();
  send(done);
  await expect.poll(() => onChanged).toHaveBeenCalledOnce();
  expect(changeOf(changes, "small")).toBeUndefined();
  expect(changes.result.value).toBe("small is loaded.");
});

it("keeps a failure until it is dismissed: a refusal, an error in the stream, a stream without an end, no answer", async () => {
  const { asked, changes } = createWorker();
  const problemOf = async (answer: (asked: Asked) => void): Promise<unknown> => {
    changes.swap("small", "other.gguf", true);
    const last = asked.at(-1);
    expect(last?.body).toEqual({ model: "small", reference: "other.gguf", unload_first: true });
    if (last !== undefined) answer(last);
    await expect.poll(() => changeOf(changes, "small")?.state).toBe("failed");
    const failed = changeOf(changes, "small");
    if (failed !== undefined) changes.dismiss(failed);
    expect(changeOf(changes, "small")).toBeUndefined();
    return failed?.problem?.message;
  };
  expect(await problemOf(({ answer }) => answer(refusal(403, "forbidden", "No.")))).toBe("No.");
  expect(
    await problemOf(({ answer }) => {
      const { response, send } = openStream();
      answer(response);
      send({ type: "error", code: "resource_exhausted", message: "No memory.", retryable: true });
    }),
  ).toBe("No memory.");
  expect(
    await problemOf(({ answer }) => {
      const { response, close } = openStream();
      answer(response);
      close();
    }),
  ).toMatch(/closed the progress stream/);
  expect(await problemOf(({ answer }) => answer(Response.error()))).toMatch(/status 0/);
});

it("sends a plain request for a change without a stream, and reports the bytes that a delete has freed", async () => {
  const { asked, changes } = createWorker();
  changes.remove("a b/c");
  expect(asked[0]?.what).toBe("DELETE /v1/models/a%20b%2Fc");
  asked[0]?.answer(Response.json({ id: "a b/c", object: "model", deleted: true, freed_bytes: 1_200_000_000 }));
  await expect.poll(() => changes.result.value).toBe("a b/c is deleted: 1.2 GB freed.");
  changes.pin("small", true);
  expect(asked[1]).toMatchObject({ what: "POST /v1/models/pin", body: { model: "small", pinned: true } });
  asked[1]?.answer(Response.json(modelStatus("small")));
  await expect.poll(() => changes.result.value).toBe("small is pinned.");
  changes.unload("small");
  expect(asked[2]).toMatchObject({ what: "POST /v1/models/unload", body: { model: "small" } });
});

it("runs no more changes at a time than `changesLimit`", async () => {
  const { asked, changes } = createWorker();
  for (let i = 0; i <= changesLimit; i++) changes.load(`m${i}`);
  expect(asked).toHaveLength(changesLimit);
  expect(changes.full.value).toBe(true);
  asked[0]?.answer(refusal(404, "not_found", "Which?"));
  await expect.poll(() => changes.full.value).toBe(false);
});
