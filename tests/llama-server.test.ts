// Owns llama-server's dialect through a real worker: the cases that are also put to llama-server itself (xtask llama-server:compare), and filling in
// on a model that was made for it.
import {
  askCase,
  caseContextSize,
  caseSlots,
  completionCases,
  infillCases,
  problemsOf,
  serverCases,
} from "@waggle/harness";
import type { LlamaServerCase } from "@waggle/harness";
import { infillVocabulary } from "@waggle/synth";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killDaemons, spawnModelWorker } from "./support/daemon.ts";
import type { Daemon } from "./support/daemon.ts";
import { spawnScriptedWorker } from "./support/scripted-worker.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

afterAll(killDaemons);

const byName = (cases: readonly LlamaServerCase[]) => cases.map((each) => [each.name, each] as const);

describe("on the embedded model", () => {
  let worker: Daemon;
  beforeAll(async () => {
    worker = await spawnModelWorker(["--slots", String(caseSlots), "--context-size", String(caseContextSize)]);
  });

  test.each(byName([...completionCases, ...serverCases]))("%s", async (_, each) => {
    expect(problemsOf(await askCase(worker.url, each), each.otherwise?.expect ?? each.expect)).toEqual([]);
  });
});

describe("on a model that fills in", () => {
  let worker: ScriptedWorker;
  beforeAll(async () => {
    worker = await spawnScriptedWorker({ template: "{{ messages[0].content }}", vocabulary: infillVocabulary });
  });

  test("says that it does", async () => {
    expect(await (await fetch(`${worker.url}/v1/info`)).json()).toMatchObject({ infill: true });
  });

  test.each(byName(infillCases))("%s", async (_, each) => {
    expect(problemsOf(await askCase(worker.url, each), each.expect)).toEqual([]);
  });

  const hole = { input_prefix: "if x:\n", input_suffix: "\n", n_predict: 32, samplers: ["top_k", "infill"] };

  test("the answer comes where the hole is, and n_indent ends it with its block", async () => {
    const warmed = (await (await worker.post("/infill", { ...hole, n_predict: 0 })).json()) as Tokens;
    worker.model.say({ at: warmed.tokens_evaluated, say: "  one()\n  two()\nthree()" });
    const whole = await worker.post("/infill", hole);
    expect(await whole.json()).toMatchObject({ content: "  one()\n  two()\nthree()", stop_type: "eos" });
    const block = await worker.post("/infill", { ...hole, n_indent: 2 });
    expect(await block.json()).toMatchObject({ content: "  one()\n  two()\n", stop_type: "limit" });
  });

  test("what was warmed is found by the request that follows", async () => {
    const body = { ...hole, input_prefix: "z".repeat(400) };
    await worker.post("/infill", { ...body, n_predict: 0, response_fields: [""] });
    const answer = (await (await worker.post("/infill", { ...body, prompt: "y" })).json()) as Tokens;
    expect(answer.timings.cache_n).toBeGreaterThan(400);
  });
});

interface Tokens {
  readonly tokens_evaluated: number;
  readonly timings: { readonly cache_n: number };
}
