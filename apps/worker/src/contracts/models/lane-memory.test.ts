// Contracts about the memory of models that only batches use: it goes to the next request, and the jobs of the batch continue after it.
import { createStepGate } from "@waggle/engine/testing";
import { lanePriority } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createSeveralModels } from "../../testing/several-models.ts";
import { specOf } from "../../testing/spec-of.ts";
import { useWorker } from "../../testing/use-worker.ts";

const { worker, start, answerOf } = useWorker(createSeveralModels);

test("a request evicts the model of a running lane job, which runs again once the model is loaded again", async () => {
  const gate = createStepGate();
  start({ models: ["ant", "bee"], atOnce: 1, slots: 1, keepAliveMs: 0, gates: { ant: gate } });
  const { work, who, when, ...spec } = specOf({ prompt: "leaf", max_tokens: 60 }, { model: "ant" });
  const terms = { ...when, onDisconnect: "continue", priority: lanePriority } as const;
  const lane = await worker.models.router.submit({ ...spec, work, who, when: terms });
  await gate.held();
  const answer = answerOf("/v1/completions", { model: "bee", prompt: "leaf", max_tokens: 3 });
  // The pass ends only after the request has come. Until then the lane job has no token.
  const host = worker.models.named("ant").current;
  await expect.poll(() => host.state.name).toBe("unloading");
  gate.open();
  expect(JSON.stringify(await answer)).toContain("bee");
  await lane.ended.promise;
  expect(worker.engines("ant")).toBe(2);
  const request = { ...when, onDisconnect: "continue" } as const;
  const whole = await worker.models.router.submit({ ...spec, work, who, when: request });
  await whole.ended.promise;
  expect(lane.log.terminal).toMatchObject({ type: "end", usage: { completion_tokens: 60 } });
  expect(lane.digests.sha256(0)).toBe(whole.digests.sha256(0));
});
