import type { EngineQuery } from "@waggle/engine";
import { createQueries } from "@waggle/jobs";
import { createFakeClock } from "@waggle/testing";
import { afterEach, expect, it, vi } from "vitest";
import { createFleetPort } from "./fleet-port.ts";
import type { FleetPortOptions } from "./fleet-port.ts";

afterEach(() => void vi.restoreAllMocks());

it("a query waits as long at the worker as at the gateway", async () => {
  const clock = createFakeClock();
  // The only timer that does not use the fake clock.
  vi.spyOn(AbortSignal, "timeout").mockImplementation((ms) => {
    const controller = new AbortController();
    clock.setTimeout(() => controller.abort(new DOMException("Too late", "TimeoutError")), ms);
    return controller.signal;
  });
  const queries = createQueries({ executor: { ready: true, query: () => {}, dropQuery: () => {} }, clock });
  const query = async (question: EngineQuery, signal: AbortSignal) => await queries.ask(question, signal);
  const port = createFleetPort({
    id: "w",
    version: "0.1.0",
    models: { named: () => ({ name: "m" }) },
    served: { of: () => ({ query }) },
    report: { heartbeats: () => () => ({}) },
    accounts: {},
    moved: () => {},
  } as unknown as FleetPortOptions);
  const question = { kind: "detokenize", tokens: [1] } as const;
  const ask = () => port.answer({ kind: "query", model: "m", client: "a", question });

  const slow = ask();
  clock.advance(59_000);
  queries.answer("q1", { kind: "detokenize", text: "one" });
  expect(await slow).toEqual({ kind: "query", result: { kind: "detokenize", text: "one" } });

  const tooSlow = ask();
  clock.advance(60_000);
  await expect(tooSlow).rejects.toMatchObject({ code: "unavailable" });

  const loading = vi
    .spyOn(queries, "ask")
    .mockImplementation(
      async (_, signal) =>
        await new Promise<never>((_, reject) => signal.addEventListener("abort", () => reject(signal.reason))),
    );
  const unloaded = ask();
  expect(loading).toHaveBeenCalledOnce();
  clock.advance(60_000);
  await expect(unloaded).rejects.toThrow("Too late");
});

it("a description has none of the worker's measured costs", async () => {
  const entry = { name: "m", current: { info: undefined, loads: { count: 1 }, file: {}, fingerprints: () => ({}) } };
  const port = createFleetPort({
    id: "w",
    version: "0.1.0",
    models: { named: () => entry },
    served: { statusOf: () => ({}) },
    report: {
      heartbeats: () => () => ({}),
      infoOf: () => ({ model: "m", step_costs: {}, prompt_pieces: [], attention_costs: {} }),
    },
    accounts: {},
    moved: () => {},
  } as unknown as FleetPortOptions);
  expect(await port.answer({ kind: "describe", model: "m" })).toHaveProperty("description.info", { model: "m" });
});
