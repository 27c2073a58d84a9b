// Tests that a worker ends when its models have stayed failed, whatever requests try.
import { createFakeClock } from "@waggle/testing";
import { expect, test } from "vitest";
import { createSeveralModels } from "../../testing/several-models.ts";
import { useWorker } from "../../testing/use-worker.ts";
import { failedExitMs } from "../../worker.ts";

const { start, post } = useWorker(createSeveralModels);

test.each([[["ant"]], [["ant", "bee"]]])("a worker whose models %s have stayed failed ends", async (names) => {
  const clock = createFakeClock();
  const worker = start({ models: names, clock });
  const load = async (model: string): Promise<string> => await (await post("/v1/models/load", { model })).text();
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
  let exit: string | undefined;
  void worker.failed.then((why) => (exit = why));
  const last = names.at(-1) ?? "";
  for (const name of names) {
    expect(exit).toBeUndefined();
    await load(name);
    clock.advance(2 * failedExitMs);
    (await worker.engine(name)).giveUp(`${name} died.`);
  }
  await load(last);
  clock.advance(failedExitMs);
  await turn();
  // The operator has loaded a model meanwhile.
  expect(exit).toBeUndefined();
  (await worker.engine(last, 2)).giveUp(`${last} died.`);
  await load(last);
  (await worker.engine(last, 3)).giveUp("again");
  clock.advance(failedExitMs);
  await turn();
  expect(exit).toBe(`${last} died. No model has worked for 60 s, so the worker exits.`);
});
