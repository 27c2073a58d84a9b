// Tests llama-server's infill with real workers: a model that has infill, and one that was not trained for it.
import { infillVocabulary } from "@waggle/testing/models";
import { afterAll, beforeAll, expect, test } from "vitest";
import { killDaemons, usualWorker } from "../support/daemon.ts";
import { spawnScriptedWorker, type ScriptedWorker } from "../support/scripted-worker.ts";

let worker: ScriptedWorker;
beforeAll(async () => {
  worker = await spawnScriptedWorker({ template: "{{ messages[0].content }}", vocabulary: infillVocabulary });
});
afterAll(killDaemons);

interface Tokens {
  readonly tokens_evaluated: number;
  readonly timings: { readonly cache_n: number };
}

const hole = { input_prefix: "if x:\n", input_suffix: "\n", n_predict: 32, samplers: ["top_k", "infill"] };

test("the worker reports that the model has infill", async () => {
  expect(await (await fetch(`${worker.url}/v1/info`)).json()).toMatchObject({ infill: true });
});

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

test("a model that was not trained for infill refuses it", async () => {
  const { url } = await usualWorker();
  const refused = await fetch(`${url}/infill`, { method: "POST", body: JSON.stringify(hole) });
  expect(await refused.json()).toMatchObject({ error: { code: 501, type: "not_supported_error" } });
});
