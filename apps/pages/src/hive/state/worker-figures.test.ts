// Shows what the totals count, and the tokens of each client.
import { expect, it } from "vitest";
import { at, heartbeatOf, load, viewOf, workerOf } from "../testing/workers.ts";
import { clientsOf, figuresOf, totalsOf } from "./worker-figures.ts";

const busy = (id: string, failed: number) =>
  viewOf(
    workerOf(id, {
      slots: { total: 4, busy: 3 },
      queue: { depth: 2, capacity: 8 },
      last_heartbeat: heartbeatOf(id, {
        tokens_per_second: 10,
        load: load({
          requests: { accepted: 5, refused: 0 },
          jobs: { finished: 1, failed, cancelled: 0 },
          clients: [{ client: "alice", requests: 1, prompt_tokens: 10, completion_tokens: 20 }],
        }),
      }),
    }),
  );
const gone = viewOf({ ...busy("c", 100).worker, liveness: "gone" });

it("counts workers by liveness, and adds up the values of workers that are not gone", () => {
  expect(totalsOf([busy("a", 1), busy("b", 2), gone, viewOf(workerOf("d", { liveness: "stale" }))])).toEqual({
    workers: { alive: 2, stale: 1, gone: 1 },
    slots: { busy: 6, total: 16 },
    queued: 4,
    queuedAtGateways: 0,
    tokensPerSecond: 20,
    requests: 10,
    errors: 3,
    restarts: 0,
  });
});

it("counts the jobs that wait at gateways", () => {
  const gateway = { gateway_id: "g", url: "http://10.0.0.2:1", started_at: at, jobs: 5 };
  const totals = totalsOf([busy("a", 0)], [{ ...gateway, waiting: 3 }, gateway]);
  expect(totals).toMatchObject({ queued: 5, queuedAtGateways: 3 });
});

it("leaves values undefined that no worker reports", () => {
  expect(totalsOf([viewOf(workerOf("old"))])).toMatchObject({ requests: undefined, errors: undefined });
  expect(figuresOf(viewOf(workerOf("old")))).toMatchObject({ cpu: undefined, memory: undefined, ttftP95: undefined });
});

it("shows the last measured latency, even without new requests", () => {
  const sample = { at: 0, sentAt: 0, busy: 0, queued: 0, tokensPerSecond: 0 };
  const ttft = { p50_ms: 1, p95_ms: 2, count: 3 };
  const samples = [
    { ...sample, load: load({ ttft }) },
    { ...sample, load: load() },
  ];
  expect(figuresOf(viewOf(workerOf("a"), { samples })).ttftP95).toBe(2);
});

it("adds up each client's tokens over the workers, and lists the largest client first", () => {
  const other = viewOf(
    workerOf("b", {
      last_heartbeat: heartbeatOf("b", {
        load: load({
          clients: [
            { client: "alice", requests: 2, prompt_tokens: 1, completion_tokens: 1 },
            { client: "bob", requests: 1, prompt_tokens: 500, completion_tokens: 0 },
          ],
        }),
      }),
    }),
  );
  expect(clientsOf([busy("a", 0), other, gone])).toEqual([
    { client: "bob", requests: 1, promptTokens: 500, completionTokens: 0 },
    { client: "alice", requests: 3, promptTokens: 11, completionTokens: 21 },
  ]);
});
