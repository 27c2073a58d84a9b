// Tests llama-server's dialect with a real worker: cases with expected answers, and infill with a model that supports it. If WAGGLE_LLAMA_SERVER is
// the path of a llama-server program, or the address of a llama-server with the embedded model, each case is also sent to llama-server, and every
// difference must have a reason.
import { createProcessGroups, repositoryPath } from "@waggle/testing/harness";
import { infillVocabulary } from "@waggle/testing/models";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { caseContextSize, caseSlots, type LlamaServerCase } from "./llama-server/cases.ts";
import { compareServers, tableOf, type CaseResult } from "./llama-server/compare.ts";
import { completionCases } from "./llama-server/completion-cases.ts";
import { infillCases } from "./llama-server/infill-cases.ts";
import { startLlamaServer } from "./llama-server/llama-server.ts";
import { serverCases } from "./llama-server/server-cases.ts";
import { killDaemons, spawnModelWorker } from "../support/daemon.ts";
import type { ListeningWorker } from "../support/daemon.ts";
import { spawnScriptedWorker } from "../support/scripted-worker.ts";
import type { ScriptedWorker } from "../support/scripted-worker.ts";

const groups = createProcessGroups("llama-server");
const results: CaseResult[] = [];
afterAll(async () => {
  groups.killAll();
  await killDaemons();
  if (llamaServer !== undefined) console.log(tableOf(results));
});

const llamaServer = process.env["WAGGLE_LLAMA_SERVER"];

/** The address of the llama-server to compare with; undefined if there is no comparison for this model. */
async function theirs(model: string, contextSize: number): Promise<string | undefined> {
  if (llamaServer === undefined) return undefined;
  const runs = /^https?:/.test(llamaServer);
  // A server that was not started here has the embedded model.
  if (runs) return model === embeddedModel ? llamaServer : undefined;
  return await startLlamaServer(groups, llamaServer, { model, contextSize });
}

const embeddedModel = repositoryPath("models/waggle-tiny-stories.gguf");
/** Enough for the most tokens of surrounding code that a prompt can have. */
const infillContextSize = 4_096;

async function hold(each: LlamaServerCase, ours: string, other: string | undefined): Promise<void> {
  const result = await compareServers(each, ours, other);
  results.push(result);
  expect(result.problems).toEqual([]);
}

const byName = (cases: readonly LlamaServerCase[]) => cases.map((each) => [each.name, each] as const);

describe("on the embedded model", () => {
  let worker: ListeningWorker;
  let other: string | undefined;
  beforeAll(async () => {
    worker = await spawnModelWorker(["--slots", String(caseSlots), "--context-size", String(caseContextSize)]);
    other = await theirs(embeddedModel, caseContextSize);
  });

  test.each(byName([...completionCases, ...serverCases]))("%s", async (_, each) => {
    await hold(each, worker.url, other);
  });
});

describe("on a model with infill", () => {
  let worker: ScriptedWorker;
  let other: string | undefined;
  beforeAll(async () => {
    const options = { template: "{{ messages[0].content }}", vocabulary: infillVocabulary };
    worker = await spawnScriptedWorker(options, ["--slots", String(caseSlots)]);
    other = await theirs(worker.model.path, infillContextSize);
  });

  test("the worker reports that the model has infill", async () => {
    expect(await (await fetch(`${worker.url}/v1/info`)).json()).toMatchObject({ infill: true });
  });

  test.each(byName(infillCases))("%s", async (_, each) => {
    await hold(each, worker.url, other);
  });

  const hole = { input_prefix: "if x:\n", input_suffix: "\n", n_predict: 32, samplers: ["top_k", "infill"] };

  test("the answer fills the hole, and n_indent ends the answer with its block", async () => {
    const warmed = (await (await worker.post("/infill", { ...hole, n_predict: 0 })).json()) as Tokens;
    worker.model.say({ at: warmed.tokens_evaluated, say: "  one()\n  two()\nthree()" });
    const whole = await worker.post("/infill", hole);
    expect(await whole.json()).toMatchObject({ content: "  one()\n  two()\nthree()", stop_type: "eos" });
    const block = await worker.post("/infill", { ...hole, n_indent: 2 });
    expect(await block.json()).toMatchObject({ content: "  one()\n  two()\n", stop_type: "limit" });
  });

  test("a request reuses the prompt that a request with n_predict 0 has put into the cache", async () => {
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
