// Contracts about the memory of models that only batches use: it goes to the next request, and the jobs of the batch continue after it.
import { createStepGate } from "@waggle/engine";
import { lanePriority } from "@waggle/protocol";
import { expect, test } from "vitest";
import { createSeveralModels } from "../../testing/several-models.ts";
import { specOf } from "../../testing/spec-of.ts";
import { useWorker } from "../../testing/use-worker.ts";

const { worker, start, answerOf } = useWorker(createSeveralModels);

test("a request evicts the model of a running lane job, which continues with the same tokens once the model is loaded again", async () => {
  const gate = createStepGate();
  start({ models: ["ant", "bee"], atOnce: 1, slots: 1, keepAliveMs: 0, gates: { ant: gate } });
  const { work, who, when, ...spec } = specOf({ prompt: "leaf", max_tokens: 20 }, { model: "ant" });
  const terms = { ...when, onDisconnect: "continue", priority: lanePriority } as const;
  const lane = await worker.models.router.submit({ ...spec, work, who, when: terms });
  while (lane.log.nextToken < 3) {
    await gate.held();
    gate.step();
  }
  const answer = answerOf("/v1/completions", { model: "bee", prompt: "leaf", max_tokens: 3 });
  await expect.poll(() => lane.state.phase).toMatchObject({ yields: true });
  gate.step();
  await expect.poll(() => lane.state.phase.name).toBe("queued");
  expect(lane.state.enginesLost).toBe(0);
  expect(JSON.stringify(await answer)).toContain("bee");
  gate.open();
  await lane.ended.promise;
  expect(worker.engines("ant")).toBe(2);
  const request = { ...when, onDisconnect: "continue" } as const;
  const whole = await worker.models.router.submit({ ...spec, work, who, when: request });
  await whole.ended.promise;
  expect(lane.log.terminal).toMatchObject({ type: "end", usage: { completion_tokens: 20 } });
  expect(lane.digests.sha256(0)).toBe(whole.digests.sha256(0));
});
