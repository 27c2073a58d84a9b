// Tests what surrounds a build from source: what is missing, how far it is, and that a build is put in place whole.
import {
  chmodSync,
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

  it("names all that is missing and how to install it", () => {
    install("make", "git");
    expect(() => checkToolchain(folder, "linux")).toThrow(/cmake, a C\+\+ compiler\. .*apt install cmake/);
    expect(() => checkToolchain(folder, "darwin")).toThrow(/brew install cmake/);
  });

  it("is content with any one compiler", () => {
    install("make", "git", "cmake", "clang++");
    expect(() => checkToolchain(folder, "linux")).not.toThrow();
    chmodSync(join(folder, "clang++"), 0o644);
    expect(() => checkToolchain(folder, "linux")).toThrow(ToolchainError);
  });

  it("refuses systems on which it was never tried", () => {
    expect(() => checkToolchain(folder, "win32")).toThrow(/win32 is not supported/);
  });
});

describe("buildShare", () => {
  it("reads make's percentages and nothing else", () => {
    expect(buildShare("[  7%] Building CXX object x.o")).toBe(0.07);
    expect(buildShare("[100%] Built target llama")).toBe(1);
    expect(buildShare("warning: 50% of it")).toBeUndefined();
  });
});

describe("findEnginePackage", () => {
  it("finds the package and the release that it carries", () => {
    const { folder: found, version, release } = findEnginePackage();
    expect(existsSync(join(found, "dist/cli/cli.js"))).toBe(true);
    expect(version).toMatch(/^\d+\.\d+/);
    expect(release).not.toBe("");
  });
});

describe("buildName", () => {
  it("is the library's own", () => {
    expect(buildName("linux", "x64")).toBe("linux-x64");
    expect(buildName("darwin", "arm64")).toBe("mac-arm64");
  });
});

describe("placeBuild", () => {
  function makeBuild(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(join(path, "Release"), { recursive: true });
    writeFileSync(join(path, "Release/llama-addon.node"), text);
    writeFileSync(join(path, "buildDone.status"), "");
    writeFileSync(join(path, "leftover.o"), "");
    return path;
  }

  it("puts a build where there was none, and over an old one", () => {
    const to = join(folder, "deep/linux-x64");
    placeBuild(makeBuild("a", "first"), to);
    expect(isBuilt(to)).toBe(true);
    placeBuild(makeBuild("b", "second"), to);
    expect(readFileSync(join(to, "Release/llama-addon.node"), "utf8")).toBe("second");
    expect(readdirSync(join(folder, "deep"))).toEqual(["linux-x64"]);
    expect(readdirSync(to).toSorted()).toEqual(["Release", "buildDone.status"]);
  });

  it("leaves the old one when the new one is not whole", () => {
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
  it("takes the hash of cmake's options off the name of the build that was finished", () => {
    for (const name of ["linux-x64-1a2b", "linux-x64.lock"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "linux-x64-1a2b/buildDone.status"), "");
    nameBuild(join(folder, "linux-x64"));
    nameBuild(join(folder, "linux-x64"));
    expect(readdirSync(folder)).toEqual(["linux-x64", "linux-x64.lock"]);
  });

  it("says so when none was finished", () => {
    mkdirSync(join(folder, "linux-x64-1a2b"));
    expect(() => nameBuild(join(folder, "linux-x64"))).toThrow(/Cannot find the engine's build: there is none in /);
    expect(() => nameBuild(join(folder, "not-there/linux-x64"))).toThrow(/there is none/);
  });
});

describe("withCompilerFixes", () => {
  it("has cmake read a file that puts a header before every C++ source", () => {
    const env = withCompilerFixes({ CXX: "g++" }, folder);
    expect(env["CXX"]).toBe("g++");
    const include = readFileSync(String(env["NODE_LLAMA_CPP_CMAKE_OPTION_CMAKE_PROJECT_INCLUDE"]), "utf8");
    const header = /-include \\"([^"]+)\\"/.exec(include)?.[1];
    // A line that goes on ends with its backslash, or the macro is cut off.
    expect(readFileSync(String(header), "utf8")).toMatch(/#define _tile_loadconfig\(config\) +\\\n/);
  });
});

describe("tryBuild", () => {
  /** A package whose library does what `body` says. */
  function makeLibrary(body: string): string {
    mkdirSync(join(folder, "dist"));
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }');
    writeFileSync(join(folder, "dist/index.js"), `export async function getLlama() { ${body} }`);
    return folder;
  }

  const killedBy = (signal: string): string =>
    makeLibrary(`process.kill(process.pid, "${signal}"); await new Promise(() => setInterval(() => {}, 1e3));`);

  it("says how a build crashed", async () => {
    await expect(tryBuild(killedBy("SIGILL"))).rejects.toThrow(
      new UnusableBuildError("Cannot use the engine's build: it crashed with SIGILL on a small model"),
    );
  });

  it("says what a build that fails said", async () => {
    await expect(tryBuild(makeLibrary("throw new Error('no such kernel');"))).rejects.toThrow(
      /Cannot use the engine's build: [^]*no such kernel/,
    );
  });

  it("does not blame a build for what comes from outside, as Ctrl-C does", async () => {
    await expect(tryBuild(killedBy("SIGINT"))).rejects.not.toBeInstanceOf(UnusableBuildError);
  });

  it("refuses a library that passes its build over", async () => {
    const library = makeLibrary("return { buildType: 'prebuilt', dispose() {} };");
    await expect(tryBuild(library)).rejects.toThrow("Cannot use the engine's build: the library did not load it.");
  });

  it("runs a prompt and one token of a small model on it", async () => {
    const library = makeLibrary(`
      const calls = [];
      const sequence = {
        async evaluateWithoutGeneratingNewTokens(tokens) { calls.push(tokens.length); },
        async *evaluate(tokens) { calls.push(tokens.length); yield 1; },
      };
      const context = { getSequence: () => sequence };
      const model = { createContext: async () => context };
      return {
        buildType: "localBuild",
        loadModel: async () => model,
        dispose() { if (calls.join() !== "96,1") throw new Error("computed " + calls); },
      };`);
    await expect(tryBuild(library)).resolves.toBeUndefined();
  });
});

describe("openWorkshop", () => {
  it("copies the package without its builds, links what it needs, and is gone when it is closed", () => {
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
