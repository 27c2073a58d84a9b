// Tests the parts of a build of all of llama.cpp: the tool check, the progress, and the atomic replacement of a build.
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
import { beforeEach, describe, expect, it } from "vitest";
import { buildShare } from "./compile.ts";
import { buildName, findEnginePackage, isBuilt, nameBuild, placeBuild } from "./engine-package.ts";
import { withCompilerFixes } from "./compiler-fixes.ts";
import { addonTools, checkToolchain, fullTools, ToolchainError } from "./toolchain.ts";
import { openWorkshop } from "./workshop.ts";

let folder: string;
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "waggle-build-"))));

describe("checkToolchain", () => {
  function install(...names: string[]): void {
    for (const name of names) {
      writeFileSync(join(folder, name), "");
      chmodSync(join(folder, name), 0o755);
    }
  }

  it("names all missing tools, and how to install only these", () => {
    install("make", "git");
    expect(() => checkToolchain(fullTools, folder, "linux")).toThrow(
      /: cmake, a C\+\+ compiler\. .*apt install cmake g\+\+; Fedora: dnf install cmake gcc-c\+\+; /,
    );
    expect(() => checkToolchain(fullTools, folder, "darwin")).toThrow(/brew install cmake/);
    expect(() => checkToolchain(addonTools, folder, "darwin")).toThrow(/macOS: xcode-select --install$/);
  });

  it("accepts any one compiler, and returns it", () => {
    install("git", "clang++");
    expect(checkToolchain(addonTools, folder, "linux")).toBe("clang++");
    expect(() => checkToolchain(fullTools, folder, "linux")).toThrow(/not installed: cmake, make\. /);
    chmodSync(join(folder, "clang++"), 0o644);
    expect(() => checkToolchain(addonTools, folder, "linux")).toThrow(ToolchainError);
  });

  it("refuses unsupported systems", () => {
    expect(() => checkToolchain(addonTools, folder, "win32")).toThrow(/win32 is not supported/);
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
  function makeBuild(name: string, text: string): string {
    const path = join(folder, name);
    mkdirSync(join(path, "Release"), { recursive: true });
    writeFileSync(join(path, "Release/llama-addon.node"), text);
    writeFileSync(join(path, "buildDone.status"), "");
    writeFileSync(join(path, "leftover.o"), "");
    return path;
  }

  it("puts a build into a new folder, and over an old build", () => {
    const to = join(folder, "deep/linux-x64");
    placeBuild(makeBuild("a", "first"), to);
    expect(isBuilt(to)).toBe(true);
    placeBuild(makeBuild("b", "second"), to);
    expect(readFileSync(join(to, "Release/llama-addon.node"), "utf8")).toBe("second");
    expect(readdirSync(join(folder, "deep"))).toEqual(["linux-x64"]);
    expect(readdirSync(to).toSorted()).toEqual(["Release", "buildDone.status"]);
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
  it("removes the hash of cmake's options from the name of the finished build", () => {
    for (const name of ["linux-x64-1a2b", "linux-x64.lock"]) mkdirSync(join(folder, name));
    writeFileSync(join(folder, "linux-x64-1a2b/buildDone.status"), "");
    nameBuild(join(folder, "linux-x64"));
    nameBuild(join(folder, "linux-x64"));
    expect(readdirSync(folder)).toEqual(["linux-x64", "linux-x64.lock"]);
  });

  it("reports a missing finished build", () => {
    mkdirSync(join(folder, "linux-x64-1a2b"));
    expect(() => nameBuild(join(folder, "linux-x64"))).toThrow(
      /Cannot find the engine's build: .* has no finished build/,
    );
    expect(() => nameBuild(join(folder, "not-there/linux-x64"))).toThrow(/has no finished build/);
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
