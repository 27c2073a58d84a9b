// Tests stored responses of the Responses API: the conversation, the items and the stream of each.
import { createStepGate } from "@waggle/engine/testing";
import { requestLimits } from "@waggle/protocol";
import { afterEach, describe, expect, test, vi } from "vitest";
import { alice, bob, forTwoClients } from "../../testing/two-clients.ts";
import {
  calling,
  checked,
  eventsOf,
  last,
  refusal,
  responsesClient,
  say,
  weather,
} from "../../testing/responses-client.ts";
import type { Answer } from "../../testing/responses-client.ts";
import { useInlineWorker } from "../../testing/use-worker.ts";
import type { Json } from "../../testing/use-worker.ts";

const used = useInlineWorker();
const { worker, start, call } = used;
afterEach(() => void vi.useRealTimers());

const { post, whole, streamed, lastPrompt } = responsesClient(used);

describe("a stored response", () => {
  test("and its input come before the input of the next response (fault 9)", async () => {
    start();
    const first = await whole({ input: say("One."), instructions: "Be kind.", metadata: { a: "b" } });
    expect(first["metadata"]).toEqual({ a: "b" });
    const second = await whole({ input: say("Two."), previous_response_id: first.id });
    await whole({ input: say("Three."), previous_response_id: second.id });
    expect(lastPrompt().messages.map(({ content }) => content)).toEqual([
      ...[say("One."), "One.", say("Two."), "Two.", say("Three.")],
    ]);
    const page = (await (await call("GET", `/v1/responses/${second.id}/input_items?order=asc&limit=2`)).json()) as Json;
    expect(page).toMatchObject({ data: [{ role: "user" }, { role: "assistant" }], has_more: true });
  });

  test("is visible to its client only: other clients get the same 404 as for a missing response (fault 9)", async () => {
    start({ access: forTwoClients });
    const { id, output } = await whole({ input: say("Mine.") }, alice);
    const previous = { input: "Hi", previous_response_id: id };
    const missing = { status: 404, code: "previous_response_not_found", param: "previous_response_id" };
    expect(await refusal(post(previous, bob))).toMatchObject(missing);
    expect(await refusal(post({ ...previous, previous_response_id: "resp_0" }, alice))).toMatchObject(missing);
    expect((await call("GET", `/v1/responses/${id}`, undefined, bob)).status).toBe(404);
    expect((await call("DELETE", `/v1/responses/${id}`, undefined, bob)).status).toBe(404);
    expect((await call("GET", `/v1/responses/${id}`, undefined, alice)).status).toBe(200);
    const reference = (item: unknown) => ({ input: [{ type: "item_reference", id: item }] });
    expect(await refusal(post(reference("msg_0"), alice))).toMatchObject({ status: 404, param: "input.0.id" });
    expect(await refusal(post(reference(output[0]?.id), bob))).toMatchObject({ status: 404, param: "input.0.id" });
  });

  test("leaves no listener in the log of its job", async () => {
    start();
    const listening: number[] = [];
    let listeners = 0;
    const { add } = worker.registry;
    worker.registry.add = (job) => {
      const { subscribe } = job.log;
      Object.assign(job.log, {
        subscribe(listener: Parameters<typeof subscribe>[0]) {
          const stop = subscribe(listener);
          listening.push((listeners += 1));
          return () => {
            listeners -= 1;
            stop();
          };
        },
      });
      add(job);
    };
    await whole({ input: say("One.") });
    // The store listens, and the reader of the answer.
    expect([Math.max(...listening), listeners]).toEqual([2, 0]);
  });

  test("does not exist after a request with store: false", async () => {
    start();
    const answer = await whole({ input: say("Gone."), store: false });
    expect(answer["store"]).toBe(false);
    expect((await call("GET", `/v1/responses/${answer.id}`)).status).toBe(404);
    expect((await post({ input: "Hi", previous_response_id: answer.id })).status).toBe(404);
  });

  test("has items that a later request can name instead of sending them", async () => {
    start();
    const { output } = await whole({ input: say("Earlier text.") });
    await whole({
      input: [
        { type: "item_reference", id: output[0]?.id },
        { role: "user", content: "Hi[eog:1]" },
      ],
    });
    expect(lastPrompt().messages[0]).toEqual({ role: "assistant", content: "Earlier text." });
  });

  test("keeps the item ids of the client; a named item counts towards the body limit like a sent item", async () => {
    start({ maxBodyBytes: 2_000 });
    const own = { id: "mine", role: "user", content: `${"x".repeat(800)}[eog:1]` };
    const { id } = await whole({ input: [own] });
    expect(await (await call("GET", `/v1/responses/${id}/input_items`)).json()).toMatchObject({
      data: [{ ...own, type: "message", status: "completed", content: [{ type: "input_text", text: own.content }] }],
    });
    const named = (count: number) => ({
      input: Array.from({ length: count }, () => ({ type: "item_reference", id: "mine" })),
    });
    await whole(named(2));
    expect(lastPrompt().messages.map(({ content }) => content)).toEqual([own.content, own.content]);
    for (const path of ["/v1/responses", "/v1/responses/input_tokens"]) {
      expect(await refusal(call("POST", path, named(3)))).toMatchObject({ status: 400, param: "input.2.id" });
    }
  });

  test("lists only the items that follow a deleted earlier response, and cannot be continued", async () => {
    start();
    const first = await whole({ input: "a[eog:1]" });
    const second = await whole({ input: "b[eog:1]", previous_response_id: first.id });
    const third = await whole({ input: "c[eog:1]", previous_response_id: second.id });
    expect((await call("DELETE", `/v1/responses/${first.id}`)).status).toBe(200);
    const page = (await (await call("GET", `/v1/responses/${third.id}/input_items?order=asc`)).json()) as Json;
    expect(page).toMatchObject({
      data: [
        { role: "user", content: [{ type: "input_text", text: "b[eog:1]" }] },
        { role: "assistant" },
        { role: "user", content: [{ type: "input_text", text: "c[eog:1]" }] },
      ],
      has_more: false,
    });
    expect(await refusal(post({ input: "d", previous_response_id: third.id }))).toMatchObject({ status: 404 });
  });

  test("has the length limits of a request, which count its items but not the instructions", async () => {
    start({ maxBodyBytes: 2_000 });
    let id: string | undefined;
    const next = () => {
      const texts = { input: `${"x".repeat(350)}[eog:1]`, instructions: "y".repeat(1_000) };
      return post({ ...texts, previous_response_id: id });
    };
    for (const _ of [1, 2, 3]) ({ id } = (await (await next()).json()) as Answer);
    expect(lastPrompt().messages).toHaveLength(1 + 2 + 2 + 1);
    ({ id } = (await (await next()).json()) as Answer);
    expect(await refusal(next())).toMatchObject({ message: expect.stringContaining("2000 characters") as string });
    start({ contextSize: 65_536 });
    const input = Array.from({ length: requestLimits.messages }, () => ({ role: "user", content: "[eog:0]" }));
    const many = await whole({ input });
    const message = expect.stringContaining(`more than ${requestLimits.messages} items`) as string;
    expect(await refusal(post({ previous_response_id: many.id }))).toMatchObject({ message });
  });

  test("has the error of a job that failed, and no conversation continues from it", async () => {
    start();
    const failed = last(await streamed({ input: "[fail:2]" })).response as Answer;
    expect(await (await call("GET", `/v1/responses/${failed.id}`)).json()).toEqual(failed);
    const next = refusal(post({ input: "Hi", previous_response_id: failed.id }));
    expect(await next).toMatchObject({ status: 400, param: "previous_response_id" });
  });

  test("streams again from any event on, during and after its job, with the same numbers and ids", async () => {
    const gate = createStepGate();
    start({ gate });
    const reading = eventsOf(await post({ input: say(calling), tools: [weather], stream: true }));
    await gate.held();
    gate.step(12);
    await gate.held();
    const id = [...worker.registry.liveJobs()][0]?.id as string;
    expect(await (await call("GET", `/v1/responses/${id}`)).json()).toMatchObject({
      status: "in_progress",
      output: [],
    });
    expect(await refusal(post({ input: "Hi", previous_response_id: id }))).toMatchObject({ status: 400 });
    const meanwhile = eventsOf(await call("GET", `/v1/responses/${id}?stream=true`));
    gate.open();
    const events = await reading;
    checked(events);
    expect(await meanwhile).toEqual(events);
    const from = (number: number): Promise<Response> =>
      call("GET", `/v1/responses/${id}?stream=true&starting_after=${number}`);
    expect(await eventsOf(await from(4))).toEqual(events.slice(5));
    expect(await eventsOf(await from(events.length - 1))).toEqual([]);
    expect(await refusal(from(events.length))).toMatchObject({ status: 400, param: "starting_after" });
    expect(await (await call("GET", `/v1/responses/${id}`)).json()).toEqual(last(events).response);
    expect((await call("HEAD", `/v1/responses/${id}?stream=true`)).status).toBe(200);
    expect(worker.app.streams.open).toBe(0);
  });

  test("is shared by a request and its retry", async () => {
    vi.setSystemTime("2026-01-01T10:00:00Z");
    start({ limits: { retryGraceMs: 10_000 } });
    const again = { "idempotency-key": "k" };
    const body = { input: say("Once."), stream: true };
    const first = await eventsOf(await post(body, again));
    vi.setSystemTime("2026-01-01T10:00:05Z");
    const second = await eventsOf(await post(body, again));
    expect(checked(second)).toEqual(checked(first));
    expect(await (await call("GET", `/v1/responses/${checked(first).id}`)).json()).toEqual(checked(first));
  });

  test("does not stream again once the replay buffer has dropped its first events", async () => {
    start({ limits: { replayBufferBytes: 1_024 } });
    const { id } = await whole({ input: say("A few words more than fit.") });
    expect((await call("GET", `/v1/responses/${id}`)).status).toBe(200);
    expect(await refusal(call("GET", `/v1/responses/${id}?stream=true`))).toMatchObject({ status: 404 });
    expect(await refusal(call("GET", `/v1/responses/${id}?stream=true&starting_after=x`))).toMatchObject({
      status: 400,
    });
  });
});
