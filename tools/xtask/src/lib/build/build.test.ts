// Tests the parts of a build from source: the tool check, the progress, and the atomic replacement of a build.
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { buildShare } from "./compile.ts";
import { buildName, findEnginePackage, isBuilt, nameBuild, placeBuild } from "./engine-package.ts";
import { withCompilerFixes } from "./compiler-fixes.ts";
import { applyPatches, findPatches } from "./patches.ts";
import { checkToolchain, ToolchainError } from "./toolchain.ts";
import { tryBuild, UnusableBuildError } from "./trial.ts";
import { openWorkshop } from "./workshop.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-build-"))));
afterEach(() => rmSync(folder, { recursive: true }));

describe("checkToolchain", () => {
  function install(...names: string[]): void {
    for (const name of names) {
      writeFileSync(join(folder, name), "");
      chmodSync(join(folder, name), 0o755);
    }
  }

  it("names all missing tools and how to install them", () => {
    install("make", "git");
    expect(() => checkToolchain(folder, "linux")).toThrow(/cmake, a C\+\+ compiler\. .*apt install cmake/);
    expect(() => checkToolchain(folder, "darwin")).toThrow(/brew install cmake/);
  });

  it("accepts any one compiler", () => {
    install("make", "git", "cmake", "clang++");
    expect(() => checkToolchain(folder, "linux")).not.toThrow();
    chmodSync(join(folder, "clang++"), 0o644);
    expect(() => checkToolchain(folder, "linux")).toThrow(ToolchainError);
  });

  it("refuses unsupported systems", () => {
    expect(() => checkToolchain(folder, "win32")).toThrow(/win32 is not supported/);
  });
});

describe("buildShare", () => {
  it("parses make's percentages only", () => {
    expect(buildShare("[  7%] Building CXX object x.o")).toBe(0.07);
    expect(buildShare("[100%] Built target llama")).toBe(1);
    expect(buildShare("warning: 50% of it")).toBeUndefined();
  });
});

describe("findEnginePackage", () => {
  it("finds the package and its llama.cpp release", () => {
    const { folder: found, version, release } = findEnginePackage();
    expect(existsSync(join(found, "dist/cli/cli.js"))).toBe(true);
    expect(version).toMatch(/^\d+\.\d+/);
    expect(release).not.toBe("");
  });
});

describe("buildName", () => {
  it("is the name that the library uses", () => {
    expect(buildName("linux", "x64")).toBe("linux-x64");
    expect(buildName("darwin", "arm64")).toBe("mac-arm64");
  });
});

describe("placeBuild", () => {
  const patches = { mark: "a1b2" };

  function makeBuild(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(join(path, "Release"), { recursive: true });
    writeFileSync(join(path, "Release/llama-addon.node"), text);
    writeFileSync(join(path, "buildDone.status"), "");
    writeFileSync(join(path, "patches.txt"), patches.mark);
    writeFileSync(join(path, "leftover.o"), "");
    return path;
  }

  it("puts a build into a new folder, and over an old build", () => {
    const to = join(folder, "deep/linux-x64");
    placeBuild(makeBuild("a", "first"), to);
    expect(isBuilt(to, patches)).toBe(true);
    placeBuild(makeBuild("b", "second"), to);
    expect(readFileSync(join(to, "Release/llama-addon.node"), "utf8")).toBe("second");
    expect(readdirSync(join(folder, "deep"))).toEqual(["linux-x64"]);
    expect(readdirSync(to).toSorted()).toEqual(["Release", "buildDone.status", "patches.txt"]);
  });

  it("keeps the old build when the new one is incomplete", () => {
    const to = join(folder, "deep/linux-x64");
    placeBuild(makeBuild("a", "first"), to);
    const broken = makeBuild("b", "second");
    rmSync(join(broken, "buildDone.status"));
    expect(() => placeBuild(broken, to)).toThrow(/Cannot put the engine's build into/);
    expect(readFileSync(join(to, "Release/llama-addon.node"), "utf8")).toBe("first");
    expect(readdirSync(join(folder, "deep"))).toEqual(["linux-x64"]);
  });
});

describe("nameBuild", () => {
  const patches = { mark: "a1b2" };

  it("removes the hash of cmake's options from the name of the finished build", () => {
    for (const name of ["linux-x64-1a2b", "linux-x64.lock"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "linux-x64-1a2b/buildDone.status"), "");
    nameBuild(join(folder, "linux-x64"), patches);
    nameBuild(join(folder, "linux-x64"), patches);
    expect(readdirSync(folder)).toEqual(["linux-x64", "linux-x64.lock"]);
  });

  it("writes the patches' mark into a build, so that a build with other patches is not used", () => {
    const build = join(folder, "linux-x64");
    mkdirSync(build);
    writeFileSync(join(build, "buildDone.status"), "");
    expect(isBuilt(build, patches)).toBe(false);
    nameBuild(build, patches);
    expect(isBuilt(build, patches)).toBe(true);
    expect(isBuilt(build, { mark: "c3d4" })).toBe(false);
    rmSync(join(build, "buildDone.status"));
    expect(isBuilt(build, patches)).toBe(false);
  });

  it("reports a missing finished build", () => {
    mkdirSync(join(folder, "linux-x64-1a2b"));
    expect(() => nameBuild(join(folder, "linux-x64"), patches)).toThrow(
      /Cannot find the engine's build: .* has no finished build/,
    );
    expect(() => nameBuild(join(folder, "not-there/linux-x64"), patches)).toThrow(/has no finished build/);
  });
});

describe("withCompilerFixes", () => {
  it("makes cmake include a header before every C++ source", () => {
    const env = withCompilerFixes({ CXX: "g++" }, folder);
    expect(env["CXX"]).toBe("g++");
    const include = readFileSync(String(env["NODE_LLAMA_CPP_CMAKE_OPTION_CMAKE_PROJECT_INCLUDE"]), "utf8");
    const header = /-include \\"([^"]+)\\"/.exec(include)?.[1];
    // Each line of the macro but the last must end with a backslash, otherwise the macro is cut off.
    expect(readFileSync(String(header), "utf8")).toMatch(/#define _tile_loadconfig\(config\) +\\\n/);
  });
});

describe("tryBuild", () => {
  /** Makes a package whose library runs `body`. */
  function makeLibrary(body: string): string {
    mkdirSync(join(folder, "dist"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "dist/index.js"), `export async function getLlama() { ${body} }`);
    return folder;
  }

  const killedBy = (signal: string): string =>
    makeLibrary(`process.kill(process.pid, "${signal}"); await new Promise(() => setInterval(() => {}, 1e3));`);

  it("reports the signal of a crash", async () => {
    await expect(tryBuild(killedBy("SIGILL"))).rejects.toThrow(
      new UnusableBuildError("Cannot use the engine's build: it crashed with SIGILL on a small model"),
    );
  });

  it("reports the output of a build that fails", async () => {
    await expect(tryBuild(makeLibrary("throw new Error('no such kernel');"))).rejects.toThrow(
      /Cannot use the engine's build: [^]*no such kernel/,
    );
  });

  it("does not blame a build for signals from outside, such as Ctrl-C", async () => {
    await expect(tryBuild(killedBy("SIGINT"))).rejects.not.toBeInstanceOf(UnusableBuildError);
  });

  it("refuses a build that the library does not load", async () => {
    const library = makeLibrary("return { buildType: 'prebuilt', dispose() {} };");
    await expect(tryBuild(library)).rejects.toThrow("Cannot use the engine's build: the library did not load it.");
  });

  /** Makes a library whose step and logits return these results. `disposed` is code that runs when the library is disposed. */
  const makeWorkingLibrary = (step: string, logits: string, disposed = "", ahead = "7"): string =>
    makeLibrary(`
      const calls = [];
      const sequence = {
        async evaluateWithoutGeneratingNewTokens(tokens) { calls.push(tokens.length); },
        async *evaluate(tokens) { calls.push(tokens.length); yield 1; },
      };
      const _ctx = {
        initBatch() {},
        addToBatch: () => [1],
        ${step === "" ? "" : `decodeBatchAndSample: async () => { calls.push("step"); return Float64Array.of(${step}); },`}
        decodeSampledAndSample: async () => { calls.push("ahead"); return Float64Array.of(${ahead}); },
        withdrawSampledStep: () => false,
        disposeSequence() {},
        getLogits: () => Float64Array.of(${logits}),
      };
      const context = { getSequence: () => sequence, _ctx };
      const model = { createContext: async () => context };
      return {
        buildType: "localBuild",
        loadModel: async () => model,
        _bindings: { AddonSampler: class { applyConfig() {} } },
        dispose() { ${disposed} },
      };`);
  const goodLogits = "4, 1.5, 1, 7, 4, 4";

  it("runs a prompt, a token, single steps and consecutive steps of a small model on the build", async () => {
    const all = "96,1,step,step,step,step,ahead,step,ahead";
    const computed = `if (calls.join() !== "${all}") throw new Error("computed " + calls);`;
    const library = makeWorkingLibrary("7, 4, 4, 1.5, 7, 4", goodLogits, computed);
    await expect(tryBuild(library)).resolves.toBeUndefined();
  });

  it("refuses a build without the step", async () => {
    const library = makeWorkingLibrary("", goodLogits);
    await expect(tryBuild(library)).rejects.toThrow(
      /Cannot use the engine's build: [^]*decodeBatchAndSample is not a function/,
    );
  });

  it.each([
    ["samples another token than the most probable one", "6, 4, 4, 1.5, 7, 4", goodLogits],
    ["computes no numbers", "7, NaN, NaN, NaN, 7, NaN", "NaN, NaN, 1, 7, NaN, NaN"],
  ])("refuses a build whose step %s", async (_, step, logits) => {
    const library = makeWorkingLibrary(step, logits);
    await expect(tryBuild(library)).rejects.toThrow(/Cannot use the engine's build: [^]*the step gave/);
  });

  it.each([
    ["samples another token in consecutive steps", "8", /single steps gave 7,7, and consecutive steps 7,8/],
    ["returns no token for a step that was not withdrawn", "", /single steps gave 7,7, and consecutive steps 7,$/m],
  ])("refuses a build that %s", async (_, ahead, reason) => {
    const library = makeWorkingLibrary("7, 4, 4, 1.5, 7, 4", goodLogits, "", ahead);
    await expect(tryBuild(library)).rejects.toThrow(reason);
  });
});

describe("patches", () => {
  /** A folder with one file, and a patch of it. */
  function makePatched(text: string): { copy: string; patches: string } {
    const copy = join(folder, "building/node-llama-cpp");
    const patches = join(folder, "patches");
    mkdirSync(join(copy, "llama"), { recursive: true });
    mkdirSync(patches);
    writeFileSync(join(copy, "llama/a.cpp"), text);
    const head = ["diff --git a/llama/a.cpp b/llama/a.cpp", "--- a/llama/a.cpp", "+++ b/llama/a.cpp"];
    const lines = [...head, "@@ -1 +1 @@", "-old", "+new", ""];
    writeFileSync(join(patches, "step.patch"), `What it does.\n\n${lines.join("\n")}`);
    return { copy, patches };
  }

  it("are applied, also inside a repository", () => {
    const { copy, patches } = makePatched("old\n");
    execFileSync("git", ["init", "--quiet", folder]);
    applyPatches(findPatches(patches), { folder: copy, version: "1.2.3" });
    expect(readFileSync(join(copy, "llama/a.cpp"), "utf8")).toBe("new\n");
  });

  it("are named in the error, with the library's version, if they do not apply", () => {
    const { copy, patches } = makePatched("newer\n");
    expect(() => applyPatches(findPatches(patches), { folder: copy, version: "1.2.3" })).toThrow(
      /^Cannot apply step\.patch to node-llama-cpp 1\.2\.3: [^]*llama\/a\.cpp/,
    );
  });

  it("get another mark when one of the patches changes", () => {
    const { patches } = makePatched("old\n");
    const { mark } = findPatches(patches);
    expect(mark).toMatch(/^[\da-f]{12}$/);
    expect(findPatches(patches).mark).toBe(mark);
    writeFileSync(join(patches, "zeal.patch"), "more");
    expect(findPatches(patches).mark).not.toBe(mark);
  });

  it("apply to the installed library if they are this repository's patches", () => {
    const engine = findEnginePackage();
    const copy = join(folder, "node-llama-cpp");
    cpSync(join(engine.folder, "llama/addon"), join(copy, "llama/addon"), { recursive: true });
    applyPatches(findPatches(), { ...engine, folder: copy });
    expect(readFileSync(join(copy, "llama/addon/AddonContext.cpp"), "utf8")).toContain('"decodeBatchAndSample"');
  });
});

describe("openWorkshop", () => {
  it("copies the package without its builds, links its dependencies, and is deleted when it is closed", () => {
    const installed = join(folder, "store/node_modules/node-llama-cpp");
    mkdirSync(join(installed, "llama/localBuilds/linux-x64"), { recursive: true });
    writeFileSync(join(installed, "package.json"), "{}");
    mkdirSync(join(folder, "store/node_modules/dependency"));
    const workshop = openWorkshop({ folder: installed, version: "1", release: "r" }, join(folder, "work"));
    expect(readFileSync(join(workshop.folder, "package.json"), "utf8")).toBe("{}");
    expect(existsSync(join(workshop.folder, "llama/localBuilds"))).toBe(false);
    expect(existsSync(join(workshop.folder, "../dependency"))).toBe(true);
    workshop.dispose();
    expect(readdirSync(join(folder, "work"))).toEqual([]);
    expect(existsSync(join(folder, "store/node_modules/dependency"))).toBe(true);
  });
});
