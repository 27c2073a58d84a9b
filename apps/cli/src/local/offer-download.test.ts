// Tests when a download is offered in place of a name, and which words `waggle serve` then gets.
import { PassThrough } from "node:stream";
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { adviseModels } from "@waggle/models/recommended";
import { startModelServer } from "@waggle/models/testing/model-server";
import { beforeAll, describe, expect, it, test } from "vitest";
import { InterruptedError } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { captureOutput } from "../testing/capture.ts";
import { offerDownload, offerDownloads, type OfferOptions } from "./offer-download.ts";

interface Typed {
  /** What is typed, a line for each question; undefined for Ctrl-D. */
  readonly typed?: string | undefined;
  readonly isTTY?: boolean;
  readonly isTerminal?: boolean;
  readonly signal?: AbortSignal;
  readonly env?: Readonly<Record<string, string>>;
}

let folder = "";
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), "waggle-offer-"))));

/** Without a hub, only recommended models are offered. */
const offline = { WAGGLE_OFFLINE: "1" };

function terminal({
  typed,
  isTTY = true,
  isTerminal = true,
  signal = new AbortController().signal,
  env = offline,
}: Typed) {
  const stdin = Object.assign(new PassThrough(), { isTTY }) as unknown as Context["stdin"] & PassThrough;
  stdin.end(typed);
  const err = captureOutput();
  const config = { modelsFolder: folder, env } as unknown as Context["config"];
  return { config, stdin, out: captureOutput({ isTerminal }), err, signal };
}

/** A machine on which Qwen3 4B is the best of its name, and Llama 3.3 70B does not fit. */
const machine = { freeBytes: 4 * 2 ** 30, bandwidth: { bytesPerSecond: 50e9, error: 0, threads: 4 } };
const options: OfferOptions = {
  advise: async () => ({ machine, advice: adviseModels(machine, { slots: 1, hasAddon: true }) }),
};

describe("the name of a recommended model", () => {
  const question = "There is no model qwen3 here. Qwen3 4B, 2.5 GB, fits. Download? [Y/n] ";
  const qwen = "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M";

  test.each([
    ["y\n", qwen, question],
    ["\n", qwen, question],
    ["n\n", undefined, question],
    [undefined, undefined, `${question}\n`],
  ])("is asked about: the answer %j leads to %s", async (typed, reference, written) => {
    const context = terminal({ typed });
    expect([await offerDownload(context, "qwen3", options), context.err.text()]).toEqual([reference, written]);
  });

  it("is asked about without a missing model by waggle pull", async () => {
    const context = terminal({ typed: "\n" });
    expect(await offerDownload(context, "qwen3:4b", { ...options, isPull: true })).toBe(qwen);
    expect(context.err.text()).toBe("Qwen3 4B, 2.5 GB, fits. Download? [Y/n] ");
  });

  it("is no yes at Enter for a model that does not fit", async () => {
    for (const isPull of [false, true]) {
      const context = terminal({ typed: "\n" });
      expect(await offerDownload(context, "llama3.3:70b", { ...options, isPull })).toBeUndefined();
      expect(context.err.text()).toContain("Llama 3.3 70B, 42.5 GB, does not fit this machine. Download? [y/N] ");
    }
  });

  it("is not asked about without a terminal at both ends", async () => {
    for (const ends of [{ isTTY: false }, { isTerminal: false }]) {
      const context = terminal({ typed: "y\n", ...ends });
      expect([await offerDownload(context, "qwen3", options), context.err.text()]).toEqual([undefined, ""]);
    }
  });

  it("leaves the question at Ctrl-C with the signal's reason", async () => {
    const interrupt = new AbortController();
    const stdin = Object.assign(new PassThrough(), { isTTY: true }) as unknown as Context["stdin"];
    const asked = offerDownload({ ...terminal({}), stdin, signal: interrupt.signal }, "qwen3", options);
    interrupt.abort(new InterruptedError());
    await expect(asked).rejects.toBeInstanceOf(InterruptedError);
  });
});

describe("another name", () => {
  const hub = async (server: { readonly url: string }, word: string, typed: string) => {
    const context = terminal({ typed, env: { WAGGLE_HUB_URL: server.url } });
    return [await offerDownload(context, word, options), context.err.text()];
  };

  it("is looked for at the hub, whose most downloaded model is offered", async () => {
    const found = [
      { id: "bee/Gated-GGUF", downloads: 9, gated: "auto" },
      { id: "bee/Hornet-GGUF", downloads: 5 },
      { id: "bee/Rare-GGUF", downloads: 1 },
    ];
    await using server = await startModelServer({ content: Buffer.alloc(0), found });
    expect(await hub(server, "hornet", "y\n")).toEqual([
      "hf:bee/Hornet-GGUF",
      "There is no model hornet here. The hub has hf:bee/Hornet-GGUF. Download? [y/N] ",
    ]);
    expect((await hub(server, "hornet", "\n"))[0]).toBeUndefined();
    const env = { WAGGLE_HUB_URL: "http://127.0.0.1:2" };
    const pull = { ...options, isPull: true, hubUrl: server.url };
    expect(await offerDownload(terminal({ typed: "y\n", env }), "hornet", pull)).toBe("hf:bee/Hornet-GGUF");
    expect(await offerDownload(terminal({ typed: "\n", env }), "hornet", pull)).toBeUndefined();
    const words = ["hornet", "--hub-url", server.url];
    expect((await offerDownloads(terminal({ typed: "y\n", env }), words))[0]).toBe("hf:bee/Hornet-GGUF");
  });

  it("is not offered if the hub has no such model", async () => {
    await using server = await startModelServer({ content: Buffer.alloc(0), found: [] });
    for (const word of ["nosuchmodel", "bee/nothing-GGUF"])
      expect(await hub(server, word, "y\n")).toEqual([undefined, ""]);
    await using other = await startModelServer({ content: Buffer.alloc(0), listed: [] });
    expect((await hub(other, "bee/Story-GGUF", "y\n"))[0]).toBe("hf:bee/Story-GGUF");
  });
});

test.each(["./qwen3", "story.gguf", "hf:bad", "waggle-tiny-stories", "a b", "nosuchmodel"])(
  "%j is not asked about without a hub",
  async (word) => {
    const context = terminal({ typed: "y\n" });
    expect([await offerDownload(context, word, options), context.err.text()]).toEqual([undefined, ""]);
  },
);

test.each([
  [["qwen3"], ["hf:Qwen/Qwen3-4B-GGUF:Q4_K_M"]],
  [
    ["--port", "0", "qwen3"],
    ["--port", "0", "hf:Qwen/Qwen3-4B-GGUF:Q4_K_M"],
  ],
  [["chat=ollama.com/library/story"], ["chat=ollama:story"]],
  [["--model=llama3.2:3b"], ["--model=hf:bartowski/Llama-3.2-3B-Instruct-GGUF:Q4_K_M"]],
])("a yes makes of waggle serve %j the words %j", async (words, then) => {
  expect(await offerDownloads(terminal({ typed: "y\n" }), words, options)).toEqual(then);
});

test.each([
  ["package.json"],
  ["waggle-tiny-stories"],
  ["qwen3-4b-q4_k_m"],
  ["--model-ref", "qwen3"],
  ["--unknown-flag", "qwen3"],
  ["--backend", "fake", "qwen3"],
])("waggle serve %s %s asks nothing", async (...words) => {
  const record = { kind: "waggle-download", reference: "hf:a/b:Q4_K_M", name: "qwen3-4b-q4_k_m", parts: [{}] };
  writeFileSync(join(folder, "hf_a_b_b.Q4_K_M.gguf"), "GGUF");
  writeFileSync(join(folder, "hf_a_b_b.Q4_K_M.gguf.json"), JSON.stringify(record));
  const context = terminal({ typed: "y\n", env: { ...offline, WAGGLE_MODELS_DIR: folder } });
  expect([await offerDownloads(context, words, options), context.err.text()]).toEqual([words, ""]);
});
