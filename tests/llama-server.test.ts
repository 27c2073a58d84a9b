// Owns llama-server's dialect through a real worker: the cases that are also put to llama-server itself (xtask llama-server:compare), and filling in
// on a model that was made for it.
import { askCase, caseContextSize, caseSlots, llamaServerCases, problemsOf } from "@waggle/harness";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { killDaemons, spawnModelWorker } from "./support/daemon.ts";
import type { Daemon } from "./support/daemon.ts";
import { spawnScriptedWorker } from "./support/scripted-worker.ts";
import type { ScriptedWorker } from "./support/scripted-worker.ts";

afterAll(killDaemons);

describe("on the embedded model", () => {
  let worker: Daemon;
  beforeAll(async () => {
    worker = await spawnModelWorker(["--slots", String(caseSlots), "--context-size", String(caseContextSize)]);
  });

  test.each(llamaServerCases.map((each) => [each.name, each] as const))("%s", async (_, each) => {
    expect(problemsOf(await askCase(worker.url, each), each.otherwise?.expect ?? each.expect)).toEqual([]);
  });
});
