// Tests which workers are listed, and the file's shape as the router reads it.
import type { HiveWorker } from "@waggle/protocol";
import fc from "fast-check";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { endpointsOf, formatEndpoints } from "./endpoints.ts";

const worker = (part: Partial<HiveWorker>): HiveWorker => ({
  ...{ worker_id: "w1", url: "http://10.0.0.1:7711", model: "m", state: "ready", liveness: "alive" },
  ...{ slots: { total: 2, busy: 0 }, queue: { depth: 0, capacity: 8 }, version: "0.1.0", interval_ms: 1_000 },
  ...{ registered_at: "2026-11-02T10:00:00.000Z", last_seen_at: "2026-11-02T10:00:00.000Z", heartbeats: 1 },
  ...part,
});
const namesOf = (workers: readonly HiveWorker[]): string[] => endpointsOf(workers).listed.map(({ name }) => name);

test("the file has the format that the router reads", () => {
  const workers = [worker({ worker_id: "w2", url: "http://localhost", model: "on" }), worker({})];
  expect(formatEndpoints(endpointsOf(workers).listed)).toBe(`endpoints:
  - name: "w1"
    address: "10.0.0.1"
    port: "7711"
    labels:
      llm-d.ai/engine-type: "vllm"
      model: "m"
  - name: "w2"
    address: "127.0.0.1"
    port: "80"
    labels:
      llm-d.ai/engine-type: "vllm"
      model: "on"
`);
});

test("without workers, the file has an empty list", () => {
  expect(parse(formatEndpoints([]))).toEqual({ endpoints: [] });
});

test("workers that are not alive or not ready are left out", () => {
  const states = ["starting", "loading", "ready", "draining", "stopped", "failed"] as const;
  expect(namesOf(states.map((state) => worker({ worker_id: state, state })))).toEqual(["ready"]);
  const lives = ["alive", "stale", "gone"] as const;
  expect(namesOf(lives.map((liveness) => worker({ worker_id: liveness, liveness })))).toEqual(["alive"]);
});

test.each([
  ["http://worker-1:7711", "worker-1 is not an IPv4 address"],
  ["http://[::1]:7711", "[::1] is not an IPv4 address"],
  ["https://10.0.0.1", "https://10.0.0.1 is not plain http"],
  ["http://10.0.0.1/waggle", "http://10.0.0.1/waggle has a path"],
])("%s cannot be written to the file", (url, reason) => {
  expect(endpointsOf([worker({ url })])).toEqual({ listed: [], unlisted: [{ workerId: "w1", reason }] });
});

test("YAML 1.1 reads every model name as the same text", () => {
  fc.assert(
    fc.property(
      fc.oneof(fc.string({ unit: "binary", maxLength: 64 }), fc.constantFrom("yes", "1:30", "~")),
      (model) => {
        const { listed } = endpointsOf([worker({ model })]);
        const read = parse(formatEndpoints(listed), { version: "1.1" }) as { endpoints: unknown[] };
        expect(read.endpoints).toEqual(listed);
      },
    ),
  );
});
