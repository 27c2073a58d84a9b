// Shows that a storm of requests leaves time for streams: each turn of the event loop begins a few requests, and reads one large body.
import { setImmediate as nextTurn } from "node:timers/promises";
import { createTokenTable } from "@waggle/daemon/tokens";
import { expect, it } from "vitest";
import { useInlineWorker } from "../../testing/use-worker.ts";

const { worker, start, call, post, get } = useInlineWorker();

/** Number of requests answered in each turn of the event loop. */
async function answeredByTurn(answers: readonly Promise<Response>[]): Promise<number[]> {
  let answered = 0;
  for (const answer of answers) void answer.then(() => (answered += 1));
  const counts: number[] = [];
  for (let before = 0; answered < answers.length; before = answered) {
    await nextTurn();
    counts.push(answered - before);
  }
  return counts;
}

it("begins eight requests in a turn", async () => {
  start();
  // The first eight begin before the first measurement.
  const [, ...counts] = await answeredByTurn(Array.from({ length: 60 }, () => post("/v1/jobs", "{}")));
  expect(Math.max(...counts)).toBe(8);
  expect(counts.length).toBeLessThan(20);
});

it("lets clients take turns", async () => {
  const tokens = createTokenTable(["greedy", "other"].map((name) => ({ name, token: name })));
  start({ access: { localMode: false, tokens: () => tokens } });
  let answered = 0;
  const request = async (client: string): Promise<void> => {
    expect((await post("/v1/jobs", "{}", { authorization: `Bearer ${client}` })).status).toBe(400);
    answered += 1;
  };
  const storm = Array.from({ length: 60 }, async () => await request("greedy"));
  await request("other");
  expect(answered).toBeLessThan(25);
  await Promise.all(storm);
});

it("reads large bodies one at a time, and small bodies at the same time", async () => {
  start();
  const large = JSON.stringify({ content: 5, ignored: "x".repeat(400_000) });
  const [largeOnes, small] = [[large, large, large].map((body) => post("/tokenize", body)), post("/tokenize", "{}")];
  const counts = answeredByTurn(largeOnes);
  expect((await small).status).toBe(400);
  expect(Math.max(...(await counts))).toBe(1);
});

it("answers reads and cancels during the storm", async () => {
  start();
  const storm = Array.from({ length: 60 }, () => post("/v1/jobs", "{}"));
  const counts = answeredByTurn(storm);
  let stormOver = false;
  void counts.then(() => (stormOver = true));
  expect((await get("/v1/jobs/unknown")).status).toBe(404);
  expect((await call("DELETE", "/v1/jobs/unknown")).status).toBe(404);
  expect(stormOver).toBe(false);
  await counts;
});

it("does no work for clients that have left before their turn", async () => {
  start();
  const abort = new AbortController();
  const first = Array.from({ length: 8 }, () => post("/v1/jobs", "{}"));
  const rest = Array.from({ length: 8 }, () => post("/v1/jobs", '{"prompt":"endless"}', {}, abort.signal));
  abort.abort();
  expect((await Promise.all([...first, ...rest])).map(({ status }) => status)).toEqual([
    ...first.map(() => 400),
    ...rest.map(() => 499),
  ]);
  expect(worker.registry.liveCount).toBe(0);
});
