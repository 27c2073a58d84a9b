// Tests the commands about a worker's models over HTTP, against a scripted worker.
import { WaggleError, type ModelEvent, type ModelStatus } from "@waggle/protocol";
import { copyFileSync, existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { embeddedModelPath } from "@waggle/worker/embedded-model";
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { modelStatus, startFakeWorker, type FakeWorkerScript } from "../testing/fake-worker.ts";
import { runCommand, type CommandOptions, type CommandResult } from "../testing/run-command.ts";

interface Asked extends CommandResult {
  readonly asked: readonly (readonly [method: string, path: string, body: unknown])[];
}

async function ask(
  argv: readonly string[],
  script: FakeWorkerScript = {},
  options: CommandOptions = {},
): Promise<Asked> {
  await using worker = await startFakeWorker(script);
  const result = await runCommand([...argv, "--url", worker.url], options);
  return { ...result, asked: worker.asked };
}

beforeAll(() => void vi.useFakeTimers({ now: Date.parse("2026-01-01T10:00Z"), toFake: ["Date"] }));
afterAll(() => void vi.useRealTimers());

const gib = 2 ** 30;
const bee = modelStatus("bee", {
  aliases: ["assistant"],
  default: true,
  file_bytes: 1.5 * gib,
  quantization: "Q4_K_M",
  parameters: 3_090_000_000,
  kind: "generate",
  architecture: "qwen2",
  context_size: 4_096,
  context_pool: 16_384,
  trained_context_size: 32_768,
  slots: { total: 8, busy: 2 },
  expires_at: "2026-01-01T10:04:50.500Z",
  memory: { weights: gib, kv_cache: gib / 2, compute: gib / 8, process: gib / 8, total: 1.75 * gib },
});
const wasp = modelStatus("wasp", { state: "unloaded", source: "folder", deletable: false, file_bytes: 10 });
const seeing = {
  ...bee,
  vision: { projector: "eye", bytes: 2e9, max_pixels: 2_100_000 },
  memory: { ...bee.memory, vision: 3e9, total: 4.9e9 } as typeof bee.memory,
};
const two = { models: [bee, wasp] };

describe("waggle list", () => {
  it("prints a table", async () => {
    expect((await ask(["list"], two)).out).toBe(
      [
        "NAME                        SIZE  QUANTIZATION  STATE       SOURCE",
        "bee, assistant (default)  1.6 GB  Q4_K_M        ready       download",
        "wasp                        10 B                not loaded  folder",
        "",
      ].join("\n"),
    );
  });

  it("has short states, with the reason of a failure on a line below the table", async () => {
    const failed = modelStatus("hornet", { state: "failed", reason: "Cannot load hornet.gguf: the file is truncated" });
    const { out } = await ask(["list"], { models: [bee, failed] });
    expect(out).toMatch(/^hornet +failed +download$/m);
    expect(out).toMatch(/\nhornet: Cannot load hornet\.gguf: the file is truncated\.\n$/);
    const restarting = { ...failed, state: "loading" as const, reason: "the engine is restarting." };
    expect((await ask(["ps"], { models: [restarting] })).out).toMatch(
      /^hornet +loading .*\nhornet: the engine is restarting\.\n.* reserved for models/m,
    );
  });

  it("prints JSON", async () => {
    expect(JSON.parse((await ask(["list", "--json"], two)).out)).toEqual([bee, wasp]);
  });
});

it("waggle ps shows the loaded models, how long they stay, and the budget", async () => {
  const { out } = await ask(["ps"], two);
  expect(out).toMatch(/^bee +ready +1\.9 GB +2\/8 +0 +4096 +16384 +text +4 min 51 s more$/m);
  expect(out).not.toContain("wasp");
  expect(out).toMatch(/^NAME .* INPUT +STAYS LOADED$/m);
  expect(out).toContain("1.1 GB of 8.6 GB is reserved for models, which share 2 threads.");
  const json = JSON.parse((await ask(["ps", "--json"], two)).out) as { models: unknown[] };
  expect(json.models).toEqual([bee]);
  expect((await ask(["ps"], { models: [seeing] })).out).toMatch(/ +text, pictures +4 min/);
});

it("waggle ps shows failed models first, with what to do", async () => {
  const failed = modelStatus("hornet", { state: "failed", reason: "The engine died 6 times in a row." });
  const { out } = await ask(["ps"], { models: [bee, failed] });
  expect(out).toMatch(/\nhornet +failed [^]*\nbee +ready /);
  expect(out).toContain("\nhornet: The engine died 6 times in a row.\nRepair hornet, then: waggle load hornet\n");
});

it("waggle ps shows no keep-alive and no budget for a gateway's models", async () => {
  const { code, out } = await ask(["ps"], { ...two, gateway: true });
  expect(code).toBe(0);
  expect(out).toMatch(/^bee +ready +1\.9 GB +2\/8 +0 +4096 +16384 +text *$/m);
  expect(out).not.toContain("reserved");
});

describe("downloads that a running worker does not serve", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "waggle-unserved-"));
    for (const [file, name] of [
      ["hf_a_ant_ant.Q8_0.gguf", "ant-q8_0"],
      ["bee.gguf", "bee"],
    ] as const) {
      copyFileSync(embeddedModelPath(), join(folder, file));
      const record = { kind: "waggle-download", reference: `hf:a/${name}:Q8_0`, name, parts: [{}] };
      writeFileSync(join(folder, `${file}.json`), JSON.stringify(record));
    }
    const begun = { kind: "waggle-download", reference: "hf:a/cut:Q8_0", name: "cut", parts: [{}] };
    writeFileSync(join(folder, "hf_a_cut_cut.Q8_0.gguf.json"), JSON.stringify(begun));
  });

  async function waggle(...argv: readonly string[]): Promise<Asked> {
    await using worker = await startFakeWorker({ models: [{ ...bee, file: "bee.gguf" }] });
    return { ...(await runCommand(argv, { config: { url: worker.url, modelsFolder: folder } })), asked: worker.asked };
  }

  it("are in list, with the way to continue one that is not complete", async () => {
    const { out } = await waggle("list");
    expect(out).toMatch(/^ant-q8_0 +2\.8 MB +not served +download$/m);
    expect(out).toMatch(/^cut +0 B +begun +download$/m);
    expect(out).toContain("\nTo continue cut: waggle pull cut\n");
    expect(out.match(/^bee/gm)).toHaveLength(1);
  });

  it.each(["ant-q8_0", "hf_a_ant_ant.Q8_0", "hf_a_ant_ant.q8_0.gguf", "hf:a/ant:Q8_0"])(
    "show and rm know %s",
    async (name) => {
      expect((await waggle("show", name)).out).toMatch(/^architecture +llama$/m);
      expect(await waggle("rm", name, "--yes")).toMatchObject({
        code: 0,
        out: expect.stringMatching(/^ant-q8_0 is deleted/),
      });
      expect(existsSync(join(folder, "hf_a_ant_ant.Q8_0.gguf"))).toBe(false);
    },
  );

  it("do not include a file that is served under another name: rm deletes it at the worker", async () => {
    await using worker = await startFakeWorker({ models: [{ ...bee, name: "my", file: "hf_a_ant_ant.Q8_0.gguf" }] });
    for (const name of ["ant-q8_0", "hf:a/ant:Q8_0"]) {
      await runCommand(["rm", name, "--yes"], { config: { url: worker.url, modelsFolder: folder } });
      expect(worker.asked.at(-1)?.slice(0, 2)).toEqual(["DELETE", "/v1/models/my"]);
    }
    expect(existsSync(join(folder, "hf_a_ant_ant.Q8_0.gguf"))).toBe(true);
  });

  it("are not looked for on this machine with the address of a worker", async () => {
    const { code, err } = await ask(["rm", "ant-q8_0", "--yes"], two, { config: { modelsFolder: folder } });
    expect([code, err]).toEqual([66, expect.stringContaining("Unknown model ant-q8_0")]);
  });
});

it("a served model has the name of its file, too", async () => {
  const models = [{ ...bee, name: "Vespa Crabro", file: "my-model.gguf" }];
  for (const name of ["my-model", "my-model.gguf", "MY-MODEL.GGUF", "vespa-crabro"]) {
    expect((await ask(["rm", name, "--yes"], { models })).asked.at(-1)?.slice(0, 2)).toEqual([
      ...["DELETE", "/v1/models/Vespa%20Crabro"],
    ]);
  }
});

describe("the embedded model, at a worker that is found without an address", () => {
  const tiny = "waggle-tiny-stories";
  const found = async (argv: readonly string[], models: readonly ModelStatus[]): Promise<string> => {
    await using worker = await startFakeWorker({ models });
    return (await runCommand(argv, { config: { url: worker.url } })).out;
  };
  const served = modelStatus(tiny, { source: "embedded", deletable: false, default: true });

  it("is in list, ps and show also if the worker does not serve it", async () => {
    expect(await found(["list"], two.models)).toMatch(/^waggle-tiny-stories +2\.8 MB +not served +embedded$/m);
    expect(JSON.parse(await found(["list", "--json"], two.models))).toMatchObject([{}, {}, { name: tiny }]);
    expect(await found(["ps"], two.models)).toMatch(/^waggle-tiny-stories +not loaded$/m);
    expect(JSON.parse(await found(["ps", "--json"], two.models))).toMatchObject({ models: [{}, { name: tiny }] });
    expect(await found(["show", tiny], two.models)).toMatch(/^name +waggle-tiny-stories\n/);
  });

  it("is there once if the worker serves it, with the worker's facts", async () => {
    for (const argv of [["list"], ["ps"]])
      expect((await found(argv, [served])).match(/^waggle-tiny-stories/gm)).toHaveLength(1);
    expect(await found(["ps"], [{ ...served, state: "unloaded" }])).toMatch(/^waggle-tiny-stories +not loaded$/m);
    expect(await found(["show", tiny], [served])).toMatch(/^source +embedded$/m);
  });

  it("is left out of the lists of a worker with an address", async () => {
    for (const argv of [["list"], ["ps"]]) expect((await ask(argv, two)).out).not.toContain(tiny);
    expect((await ask(["show", tiny], two)).err).toContain("Unknown model");
  });
});

describe("waggle show", () => {
  it("shows a model's details, also for an alias", async () => {
    const { out } = await ask(["show", "assistant"], two);
    expect(out).toMatch(/^name {10}bee$/m);
    expect(out).toMatch(/^parameters +3\.1 B$/m);
    expect(out).toMatch(/^context +4096 tokens for one job, 16384 for all jobs together, trained for 32768$/m);
    expect(out).toMatch(/^memory +1\.9 GB \(weights 1\.1 GB, KV cache 537 MB, buffers 134 MB, process 134 MB\)$/m);
    expect(out).not.toContain("SHA-256");
  });

  it("says whether a model reads pictures", async () => {
    const { out } = await ask(["show", "bee"], { models: [seeing] });
    expect(out).toMatch(/^can do +text, reads pictures$/m);
    expect(out).toMatch(/^projector +eye \(2\.0 GB\), for pictures of up to 2\.1 M pixels$/m);
    expect(out).toMatch(/^memory +4\.9 GB \(weights 1\.1 GB, .*, pictures 3\.0 GB, process 134 MB\)$/m);
    const { out: blind } = await ask(["show", "bee"], { models: [{ ...bee, vision_problem: "x.gguf: too small" }] });
    expect(blind).toMatch(/^projector +not used: x\.gguf: too small$/m);
  });

  it("lists the available models when the name is unknown", async () => {
    expect(await ask(["show", "ant"], two)).toMatchObject({
      code: 66,
      err: "waggle: Unknown model ant. Available: bee, wasp.\n",
    });
  });
});

describe("waggle rm", () => {
  it("deletes a download, and shows the freed bytes", async () => {
    const { code, out, asked } = await ask(["rm", "assistant", "--yes"], two);
    expect({ code, out }).toEqual({ code: 0, out: "bee is deleted; 1.0 MB are free again.\n" });
    expect(asked.at(-1)).toEqual(["DELETE", "/v1/models/bee", undefined]);
  });

  it("deletes nothing without confirmation, and no file that Waggle has not downloaded", async () => {
    const unasked = await ask(["rm", "bee"], two);
    expect(unasked).toMatchObject({
      code: 64,
      err: 'waggle: Cannot ask "Delete bee (1.6 GB)?" without a terminal. Add --yes to confirm.\n',
    });
    const foreign = await ask(["rm", "wasp", "--yes"], two);
    expect(foreign.err).toContain("wasp is not deleted: Waggle did not download it.");
    for (const { asked } of [unasked, foreign]) expect(asked.map(([method]) => method)).not.toContain("DELETE");
  });
});

const progress: ModelEvent = { type: "progress", stage: "downloading", done_bytes: 5, total_bytes: 10 };

describe("a command with progress", () => {
  it("shows progress and ends with the model", async () => {
    const script = { ...two, events: [progress, { type: "done", model: bee } as const] };
    const pulled = await ask(["pull", "hf:a/b:Q4_0", "--name", "bee"], script);
    expect(pulled).toMatchObject({ code: 0, err: " 50 %  5 B of 10 B\n" });
    expect(pulled.out).toMatch(/^bee \(1\.6 GB\) is served at http:/);
    expect(pulled.asked.at(-1)).toEqual(["POST", "/v1/models/pull", { reference: "hf:a/b:Q4_0", name: "bee" }]);
    const left = await ask(["pull", "hf:a/b:Q4_0", "--no-mmproj"], script);
    expect(left.asked.at(-1)?.[2]).toEqual({ reference: "hf:a/b:Q4_0", projector: false });
    const loaded = await ask(["load", "bee", "--keep-alive", "-1"], script);
    expect(loaded.out).toMatch(/^bee is ready \(4 min 51 s more\)\.$/m);
    expect(loaded.asked).toEqual([["POST", "/v1/models/load", { model: "bee", keep_alive: -1 }]]);
    const swapped = await ask(["swap", "bee", "new.gguf", "--unload-first"], {
      events: [{ type: "done", model: { ...bee, file: "new.gguf", leaving: 1 } }],
    });
    expect(swapped.out).toBe("bee is now served from new.gguf. The old file still finishes its last jobs.\n");
    expect(swapped.asked[0]?.[2]).toEqual({ model: "bee", reference: "new.gguf", unload_first: true });
  });

  it("fails with the worker's reason", async () => {
    const failed: ModelEvent = { type: "error", code: "unavailable", message: "The disk is full", retryable: true };
    expect(await ask(["pull", "hf:a/b"], { events: [progress, failed] })).toMatchObject({
      code: 1,
      err: " 50 %  5 B of 10 B\nwaggle: The disk is full.\n",
    });
  });

  it("sends no request for an invalid reference", async () => {
    for (const reference of ["hf:bad", "foo"]) {
      expect(await ask(["pull", reference], { events: [progress] })).toMatchObject({
        ...{ code: 64, asked: [] },
        err: expect.stringMatching(
          /^waggle: Cannot (resolve|download) model .* is wanted(\. "waggle pull" lists models for this machine)?\.\n$/,
        ) as string,
      });
    }
  });

  it.each([
    ["stops the download, whose part is kept", [], "DELETE", "run the same command to continue"],
    [
      "leaves a download of another client",
      [{ reference: "hf:a/b", name: "b", state: "running" }],
      "POST",
      "continues",
    ],
  ])("at Ctrl-C %s", async (_, downloads, last, words) => {
    await using worker = await startFakeWorker({ events: [progress], routes: { "GET /v1/downloads": { downloads } } });
    const interrupt = new AbortController();
    const pulling = runCommand(["pull", "hf:a/b", "--url", worker.url], { signal: interrupt.signal });
    await expect.poll(() => worker.asked.length).toBe(2);
    const { InterruptedError } = await import("../cli-error.ts");
    interrupt.abort(new InterruptedError());
    expect(await pulling).toMatchObject({
      code: 130,
      err: expect.stringContaining(words) as string,
    });
    // The worker would continue the download without this client.
    const path = last === "DELETE" ? "/v1/downloads/hf%3Aa%2Fb" : "/v1/models/pull";
    expect(worker.asked.at(-1)?.slice(0, 2)).toEqual([last, path]);
  });
});

it("unload and pin print the model's new state", async () => {
  const unloaded = await ask(["unload", "bee"], { models: [{ ...bee, state: "unloaded" }] });
  expect([unloaded.out, unloaded.asked[0]]).toEqual([
    "bee is not loaded.\n",
    ["POST", "/v1/models/unload", { model: "bee" }],
  ]);
  const pinned = await ask(["pin", "bee"], { models: [{ ...bee, pinned: true }] });
  expect([pinned.out, pinned.asked[0]?.[2]]).toEqual(["bee is ready, pinned.\n", { model: "bee", pinned: true }]);
  expect((await ask(["pin", "bee", "--off"])).asked[0]?.[2]).toEqual({ model: "bee", pinned: false });
});

describe("without a worker that accepts the request", () => {
  it.each([["ps"], ["load", "bee"], ["unload", "bee"], ["pin", "bee"]])("%s prints a remedy", async (...argv) => {
    expect(await runCommand(argv)).toMatchObject({
      code: 69,
      err: 'waggle: No worker answers at http://127.0.0.1:2. Start one with "waggle serve", or name another with --url.\n',
    });
    expect(await runCommand([...argv, "--url", "http://127.0.0.1:1"])).toMatchObject({
      code: 69,
      err: expect.stringMatching(/^waggle: Cannot reach http:.*Is a worker running there\?\n$/) as string,
    });
  });

  it("names the variable for the token, and prints the worker's message", async () => {
    const refusal = new WaggleError("unauthenticated", "A token is needed");
    expect((await ask(["ps"], { refusal })).err).toBe(
      "waggle: A token is needed. Set the variable WAGGLE_API_TOKEN to one of its tokens.\n",
    );
    const forbidden = new WaggleError("forbidden", "Only a token marked admin may do that.");
    expect((await ask(["load", "bee"], { refusal: forbidden })).err).toBe(`waggle: ${forbidden.message}\n`);
  });
});
