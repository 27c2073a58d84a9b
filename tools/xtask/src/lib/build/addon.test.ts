// Tests the build of our addon: its hash, the versions of system libraries that it needs, its trial, and its compilation.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { needs } from "@waggle/testing";
import { beforeEach, describe, expect, it } from "vitest";
import { addonFile, addonHash, addonNames, addonSources, hasAddon, isBuiltFrom } from "./addon-file.ts";
import { buildAddon } from "./build-addon.ts";
import { findEnginePackage } from "./engine-package.ts";
import { newerNeeds } from "./symbol-versions.ts";
import { tryAddon, tryBuild, UnusableBuildError } from "./trial.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-addon-"))));

describe("a build of the addon", () => {
  it("is current if it has the hash of the sources and the library's version", () => {
    const source = join(folder, "addon.cc");
    writeFileSync(source, "one");
    const hash = addonHash([source], "3.22.1");
    const built = join(folder, "waggle-llama.node");
    expect(isBuiltFrom(built, hash)).toBe(false);
    writeFileSync(built, `\0${hash}\0`);
    expect(isBuiltFrom(built, hash)).toBe(true);
    expect(isBuiltFrom(built, addonHash([source], "3.23.0"))).toBe(false);
    writeFileSync(source, "two");
    expect(isBuiltFrom(built, addonHash([source], "3.22.1"))).toBe(false);
  });

  it("has a path for each kind of machine, and sources with headers", () => {
    expect(addonFile("waggle-llama", "darwin", "arm64")).toBe("darwin-arm64/waggle-llama.node");
    for (const name of addonNames) {
      expect(addonSources(name).filter((path) => path.endsWith("addon.cc"))).toHaveLength(1);
      expect(addonSources(name).some((path) => path.endsWith(".h"))).toBe(true);
    }
    expect(hasAddon("win32")).toBe(false);
  });
});

describe("newerNeeds", () => {
  const binary = (...versions: string[]): Buffer => Buffer.from(`\x7fELF\0libc.so.6\0${versions.join("\0")}\0end`);
  const shipped = [binary("GLIBC_2.4", "GLIBC_2.34", "GLIBCXX_3.4.9"), binary("GLIBC_2.2.5", "GLIBCXX_3.4.29")];

  it("accepts versions that other libraries need, compared by numbers", () => {
    expect(newerNeeds(binary("GLIBC_2.2.5", "GLIBC_2.34", "GLIBCXX_3.4.21"), shipped)).toEqual([]);
    expect(newerNeeds(Buffer.from("no versions"), shipped)).toEqual([]);
  });

  it("names the newest version of each library that is too new", () => {
    expect(newerNeeds(binary("GLIBC_2.36", "GLIBC_2.38", "GLIBCXX_3.4.30", "CXXABI_1.3"), shipped)).toEqual([
      "GLIBC_2.38 (node-llama-cpp's libraries: 2.34)",
      "GLIBCXX_3.4.30 (node-llama-cpp's libraries: 3.4.29)",
      "CXXABI_1.3 (node-llama-cpp's libraries: none)",
    ]);
  });
});

/** Makes a package whose library runs `body`. */
function makeLibrary(body: string): string {
  mkdirSync(join(folder, "dist"));
  writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
  writeFileSync(join(folder, "dist/index.js"), `export async function getLlama() { ${body} }`);
  return folder;
}

/** Makes a library whose sequences continue with token 7. */
function makeWorkingLibrary(buildType = "prebuilt"): string {
  return makeLibrary(`
    const sequence = {
      async evaluateWithoutGeneratingNewTokens() {},
      async *evaluate() { yield 7; },
    };
    const _ctx = { removeTokenCellsFromSequence() {}, disposeSequence() {} };
    const context = { getSequence: () => sequence, _ctx };
    const model = { createContext: async () => context };
    return { buildType: ${JSON.stringify(buildType)}, loadModel: async () => model, dispose() {} };`);
}

/** Makes an addon that computes token 7. `changes` replaces functions of its decoder. */
function makeAddon(changes = ""): string {
  const path = join(folder, "addon.cjs");
  const text = `
    exports.Sampler = class { configure() {} };
    exports.startReserving = () => {};
    const decoder = {
      decode: async (...all) => (all[7][0] > 0 ? Float64Array.of(7, 4, 4, 1.5, 7, 4) : Float64Array.of(7)),
      getLogits: () => Float64Array.of(1.5, 1, 7, 4, 4),
      copySequence: async () => {},
      release() {},
      ${changes}
    };
    exports.Decoder = function () { return decoder; };`;
  writeFileSync(path, text);
  return path;
}

describe("the trial", () => {
  const endedBy = (signal: string): string =>
    makeLibrary(`process.kill(process.pid, "${signal}"); await new Promise(() => setInterval(() => {}, 1e3));`);

  it("accepts an addon that computes what the library computes, and a build that the library loads", async () => {
    await expect(tryAddon(makeWorkingLibrary(), "waggle-llama", makeAddon())).resolves.toBeUndefined();
    rmSync(join(folder, "dist"), { recursive: true });
    await expect(tryBuild(makeWorkingLibrary("localBuild"), makeAddon())).resolves.toBeUndefined();
  });

  it("refuses a build that the library does not load", async () => {
    const trial = tryBuild(makeWorkingLibrary(), makeAddon());
    await expect(trial).rejects.toThrow("Cannot use the engine's build: the library did not load it");
  });

  it("reports the signal of a crash", async () => {
    await expect(tryAddon(endedBy("SIGILL"), "waggle-llama", makeAddon())).rejects.toThrow(
      new UnusableBuildError("Cannot use the addon: it crashed with SIGILL on a small model"),
    );
  });

  it("reports the output of a failure", async () => {
    const library = makeLibrary("throw new Error('no such kernel');");
    await expect(tryBuild(library, makeAddon())).rejects.toThrow(/Cannot use the engine's build: [^]*no such kernel/);
  });

  it("does not blame a build for signals from outside, such as Ctrl-C", async () => {
    await expect(tryAddon(endedBy("SIGINT"), "waggle-llama", makeAddon())).rejects.not.toBeInstanceOf(
      UnusableBuildError,
    );
  });

  it("refuses a file that is no addon", async () => {
    const path = join(folder, "addon.node");
    writeFileSync(path, "text");
    await expect(tryAddon(makeWorkingLibrary(), "waggle-llama", path)).rejects.toThrow(
      /Cannot use the addon: [^]*addon\.node/,
    );
  });

  it.each([
    [
      "computes another token",
      "decode: async () => Float64Array.of(6, 4, 4, 1.5, 6, 4),",
      /a step gave 6 instead of 7/,
    ],
    ["reads other logits", "getLogits: () => Float64Array.of(1.5, 1, 8, 4, 4),", /the logits of a step gave 7,/],
    ["computes no numbers", "getLogits: () => Float64Array.of(NaN, 1, 7, 4, 4),", /the logits of a step gave 7,/],
    [
      "loses cells of a copy",
      "copySequence: async () => { decoder.decode = async () => [5]; },",
      /a copied sequence gave 5 instead of 7/,
    ],
    [
      "damages released cells",
      "release() { decoder.decode = async () => [5]; },",
      /a released KV cache gave 5 instead of 7/,
    ],
  ])("refuses an addon that %s", async (_, changes, reason) => {
    await expect(tryAddon(makeWorkingLibrary(), "waggle-llama", makeAddon(changes))).rejects.toThrow(reason);
  });
});

describe("buildAddon", needs("a C++ compiler and git"), () => {
  const { signal } = new AbortController();

  it("compiles an addon that works, replaces a damaged one, and keeps one that works", async () => {
    const path = join(folder, "deep/waggle-llama.node");
    mkdirSync(dirname(path));
    // It has the hash of the sources, and fails the trial.
    writeFileSync(path, `\0${addonHash(addonSources("waggle-llama"), findEnginePackage().version)}\0`);
    expect(await buildAddon({ name: "waggle-llama", path, signal })).toMatchObject({ how: "built", path });
    expect(readdirSync(dirname(path))).toEqual(["waggle-llama.node"]);
    // The library's packages for GPUs, and builds from source, give this file other names.
    expect(readFileSync(path).includes("libllama")).toBe(false);
    const { mtimeMs } = statSync(path);
    expect(await buildAddon({ name: "waggle-llama", path, signal })).toMatchObject({ how: "found" });
    expect(statSync(path).mtimeMs).toBe(mtimeMs);
  });
});
