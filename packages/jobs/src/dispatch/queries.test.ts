import { setMaxListeners } from "node:events";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { createFakeClock } from "@waggle/testing";
import { describe, expect, it } from "vitest";
import { createQueries } from "./queries.ts";

const stays = new AbortController().signal;
setMaxListeners(0, stays);

function setUp() {
  const sent: string[] = [];
  const clock = createFakeClock();
  const query = (id: string): void => void sent.push(id);
  const queries = createQueries({ executor: { ready: true, query, dropQuery: () => {} }, clock });
  const ask = (chars: number, signal = stays, client = "a") =>
    queries
      .ask<"tokenize">(
        { kind: "tokenize", text: "x".repeat(chars), addSpecial: false, parseSpecial: false, withPieces: false },
        signal,
        client,
      )
      .then(
        ({ tokens }) => tokens.length,
        (error: unknown) => (error as { code: string }).code,
      );
  const answer = (id: string, tokens = 1): void =>
    queries.answer(id, { kind: "tokenize", tokens: Array.from({ length: tokens }, () => 7) });
  return { sent, clock, queries, ask, answer };
}

describe("queries", () => {
  it("with short texts go to the engine at once", async () => {
    const { sent, ask, answer } = setUp();
    const asked = [ask(10), ask(10), ask(10)];
    expect(sent).toEqual(["q1", "q2", "q3"]);
    for (const [index, id] of sent.entries()) answer(id, index);
    expect(await Promise.all(asked)).toEqual([0, 1, 2]);
  });

  it("with long texts go to the engine one at a time, and do not delay short ones", async () => {
    const { sent, ask, answer } = setUp();
    const asked = [ask(100_000), ask(100_000), ask(10)];
    expect(sent).toEqual(["q1", "q3"]);
    answer("q1", 1);
    expect(sent).toEqual(["q1", "q3", "q2"]);
    answer("q2", 2);
    answer("q3", 3);
    expect(await Promise.all(asked)).toEqual([1, 2, 3]);
  });

  it("with pictures go to the engine one at a time", () => {
    const { sent, queries, answer } = setUp();
    const pictures = [{ sha256: "x", bytes: new Uint8Array(1 << 25) }];
    const messages = [{ role: "user" as const, content: [{ type: "image" as const, picture: 0 }] }];
    for (let count = 0; count < 2; count += 1) {
      queries.ask<"count">({ kind: "count", messages, pictures }, stays).catch(() => undefined);
    }
    queries.ask<"count">({ kind: "count", messages: [] }, stays).catch(() => undefined);
    expect(sent).toEqual(["q1", "q3"]);
    const long = [{ role: "user" as const, content: "x".repeat(100_000) }];
    queries.ask<"count">({ kind: "count", messages: long }, stays, "b").catch(() => undefined);
    expect(sent, "a long text does not wait for pictures").toEqual(["q1", "q3", "q4"]);
    answer("q1");
    expect(sent).toEqual(["q1", "q3", "q4", "q2"]);
  });

  it("with long conversations go one at a time too, and count messages, keys and tools", async () => {
    const { sent, queries } = setUp();
    const long = "x".repeat(100_000);
    const render = (content: string, parameters: Record<string, unknown> = {}) =>
      queries.ask<"render">(
        {
          kind: "render",
          messages: [{ role: "user", content }],
          tools: [{ type: "function", function: { name: "t", parameters } }],
        },
        stays,
      );
    const asked = [render(long), render("", { a: [long] }), render("", { [long]: 1 }), render("short")];
    expect(sent).toEqual(["q1", "q4"]);
    for (const [index, id] of ["q1", "q2", "q3", "q4"].entries()) {
      queries.answer(id, { kind: "render", prompt: `${index}` });
    }
    expect((await Promise.all(asked)).map(({ prompt }) => prompt)).toEqual(["0", "1", "2", "3"]);
    await expect(render("x".repeat(17 * 1_048_576))).rejects.toMatchObject({ code: "resource_exhausted" });
  });

  it("fail with `unavailable` at the client's time limit, and with `cancelled` at a disconnect", async () => {
    const { queries } = setUp();
    const asked = (signal: AbortSignal) =>
      queries.ask<"render">({ kind: "render", messages: [{ role: "user", content: "x" }] }, signal);
    const late = new AbortController();
    const left = new AbortController();
    const outcomes = [asked(late.signal), asked(left.signal)];
    late.abort(new DOMException("The operation was aborted due to timeout", "TimeoutError"));
    left.abort();
    await expect(outcomes[0]).rejects.toMatchObject({
      code: "unavailable",
      message: "Cannot ask the model: it did not answer in time.",
    });
    await expect(outcomes[1]).rejects.toMatchObject({ code: "cancelled", message: "The client left." });
    await expect(asked(late.signal)).rejects.toMatchObject({ code: "unavailable" });
  });

  it("of disconnected clients are not sent to the engine", async () => {
    const { sent, ask, answer } = setUp();
    const [first, second] = [new AbortController(), new AbortController()];
    const asked = [ask(100_000, first.signal), ask(100_000, second.signal), ask(100_000)];
    first.abort();
    second.abort();
    expect(await Promise.all(asked.slice(0, 2))).toEqual(["cancelled", "cancelled"]);
    // The engine still works on the first query, so the third waits for that answer.
    expect(sent).toEqual(["q1"]);
    answer("q1");
    expect(sent).toEqual(["q1", "q3"]);
    answer("q3", 3);
    expect(await asked[2]).toBe(3);
  });

  it("of disconnected clients keep no memory behind a long one", async () => {
    setFlagsFromString("--expose-gc");
    const collect = runInNewContext("gc") as () => void;
    const { queries, ask } = setUp();
    void ask(100_000);
    async function abandoned(): Promise<WeakRef<object>> {
      const message = { role: "user" as const, content: "x".repeat(100_000) };
      const leaving = new AbortController();
      const asked = queries.ask<"count">({ kind: "count", messages: [message] }, leaving.signal);
      leaving.abort();
      expect(await asked.catch((error: unknown) => (error as { code: string }).code)).toBe("cancelled");
      return new WeakRef(message);
    }
    const message = await abandoned();
    await new Promise<void>((resolve) => setImmediate(resolve));
    collect();
    expect(message.deref()).toBeUndefined();
  });

  it("with an aborted signal are not sent", async () => {
    const { sent, ask, answer } = setUp();
    const first = ask(100_000);
    const gone = [ask(100_000, AbortSignal.abort()), ask(10, AbortSignal.abort())];
    expect(await Promise.all(gone)).toEqual(["cancelled", "cancelled"]);
    answer("q1");
    expect(await first).toBe(1);
    expect(sent).toEqual(["q1"]);
  });

  it("fail without an answer in time, for which the wait for other queries does not count", async () => {
    const { sent, clock, ask, answer } = setUp();
    const asked = [ask(100_000), ask(100_000), ask(100_000)];
    clock.advance(60_000);
    expect(await asked[0]).toBe("unavailable");
    answer("q1");
    clock.advance(59_999);
    answer("q2", 2);
    expect(await asked[1]).toBe(2);
    clock.advance(60_000);
    expect(await asked[2]).toBe("unavailable");
    expect(sent).toEqual(["q1", "q2", "q3"]);
  });

  it("are refused beyond a client's share of number and length, for which ended queries do not count", async () => {
    const { ask, answer } = setUp();
    expect([ask(16 * 1_048_576, stays, "b"), await ask(1, stays, "b")][1]).toBe("resource_exhausted");
    const many = Array.from({ length: 4 }, () => ask(4 * 1_048_576));
    expect(await ask(10)).toBe("resource_exhausted");
    answer("q2");
    expect(await many[0]).toBe(1);
    const next = ask(10);
    answer("q6");
    expect(await next).toBe(1);
    void Array.from({ length: 253 }, () => ask(0));
    expect(await ask(0)).toBe("resource_exhausted");
  });

  it("fail when the engine dies, and later queries go to the next engine", async () => {
    const { sent, queries, ask, answer } = setUp();
    const asked = [ask(100_000), ask(100_000), ask(10)];
    queries.abandon("the engine died");
    expect(await Promise.all(asked)).toEqual(["unavailable", "unavailable", "unavailable"]);
    const next = ask(100_000);
    expect(sent.at(-1)).toBe("q4");
    answer("q4", 4);
    expect(await next).toBe(4);
  });
});
