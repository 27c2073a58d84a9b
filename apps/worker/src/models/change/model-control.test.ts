// Tests concurrent changes of one model: a change begins while another change waits for a folder or for jobs.
import { deferred } from "@waggle/async";
import { createStepGate } from "@waggle/engine/testing";
import type { ModelChange } from "@waggle/front";
import type { ModelEvent, ModelSource, ModelStatus } from "@waggle/protocol";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createSeveralModels } from "../../testing/several-models.ts";
import type { SeveralModels, SeveralModelsOptions } from "../../testing/several-models.ts";
import { createModelControl } from "./model-control.ts";
import type { Model } from "../list/model.ts";

const download = { aliases: [], reference: "ant.gguf", source: "download", pinned: false } as const;
let worker: SeveralModels;
let control: ReturnType<typeof createModelControl>;
let entry: Model;
/** Resolves the file of a swap. */
let resolveFile: (file: { readonly reference: string; readonly source: ModelSource }) => void;
const removeFiles = vi.fn<(path: string) => Promise<number>>();

function start(options: Partial<SeveralModelsOptions> = {}): void {
  worker = createSeveralModels({ models: ["ant", "bee"], ...options });
  entry = worker.models.add({ name: "hornet", ...download });
  const pictures = { projector: undefined, problem: undefined };
  const facts = { path: "/models/ant.gguf", bytes: 7, modifiedAt: "", card: undefined, plan: undefined, pictures };
  entry.current.file.facts = facts;
  const file = deferred<{ readonly reference: string; readonly source: ModelSource }>();
  resolveFile = file.resolve;
  control = createModelControl({
    models: worker.models,
    statusOf: ({ name, current }) => ({ name, state: current.state.name }) as ModelStatus,
    resolve: async () => await file.promise,
    prepare: () => ({ memory: undefined }),
    removeFiles,
    log: worker.log,
  });
}

beforeEach(() => void removeFiles.mockReset().mockResolvedValue(7));
afterEach(() => worker.close());

async function last(change: ModelChange): Promise<ModelEvent> {
  for await (const event of change.watch()) if (event.type !== "progress") return event;
  return expect.fail("the change has no end");
}

const hostNames = (): string[] => worker.models.hosts().map(({ name }) => name);

describe("a swap and a deletion of one model", () => {
  test.each(["loaded", "not loaded"])("at the same time: the deletion is refused if the model is %s", async (state) => {
    start();
    if (state === "loaded") await last(control.load("hornet", undefined));
    const swapped = control.swap("hornet", "bee.gguf", { unloadFirst: false });
    await expect(control.remove("hornet")).rejects.toMatchObject({ code: "conflict" });
    resolveFile({ reference: "bee.gguf", source: "folder" });
    expect(await last(await swapped)).toMatchObject({ type: "done", model: { name: "hornet", state: "ready" } });
    await expect.poll(() => entry.leaving.size).toBe(0);
    expect(hostNames().toSorted()).toEqual(["ant", "bee", "hornet"]);
    expect(removeFiles).not.toHaveBeenCalled();
  });

  test("one after the other: a swap of a deleted model fails with not_found", async () => {
    start();
    const removed = control.remove("hornet");
    await expect(control.swap("hornet", "bee.gguf", { unloadFirst: false })).rejects.toMatchObject({
      code: "not_found",
    });
    expect([await removed, removeFiles.mock.calls]).toEqual([7, [["/models/ant.gguf"]]]);
  });

  test("a deletion that waits for jobs keeps the file if another model uses it meanwhile", async () => {
    const gate = createStepGate();
    start({ gates: { ant: gate } });
    await last(control.load("hornet", undefined));
    const body = JSON.stringify({ model: "hornet", prompt: "to hornet [eog:9]" });
    const answer = await worker.app.request("/v1/inference", { method: "POST", body, headers: { host: "localhost" } });
    const removed = control.remove("hornet");
    worker.models.add({ ...download, name: "wasp", reference: "/models/ant.gguf" });
    gate.open();
    expect(await answer.text()).toContain('"finish_reason":"stop"');
    expect([await removed, removeFiles.mock.calls]).toEqual([0, []]);
  });

  test("a failed swap ends with an error, and the model can be changed again", async () => {
    start();
    vi.spyOn(worker.models.pool, "unload").mockRejectedValueOnce(new Error("the engine did not leave"));
    const swapped = control.swap("hornet", "bee.gguf", { unloadFirst: false });
    resolveFile({ reference: "bee.gguf", source: "folder" });
    expect(await last(await swapped)).toMatchObject({ type: "error", code: "internal" });
    expect(await control.remove("hornet")).toBe(7);
  });
});
