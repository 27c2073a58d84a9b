// Tests what is skipped on a machine that lacks something, where it is required, and how the end of a run names it.
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { lacks, needs } from "./needs.ts";
import { skippedLines } from "./skipped-reporter.ts";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "waggle-needs-"));
  for (const name of ["CI", "WAGGLE_ADDON"]) vi.stubEnv(name, undefined);
  vi.stubEnv("PATH", join(folder, "bin"));
});
afterEach(() => void vi.unstubAllEnvs());

function install(path: string): void {
  mkdirSync(join(folder, path, ".."), { recursive: true });
  writeFileSync(join(folder, path), "");
}

describe("a test that needs a program", () => {
  test("is skipped without the program, which its meta data name", () => {
    expect(needs("nats-server")).toEqual({
      skip: true,
      meta: { missing: "nats-server: apt-get install nats-server" },
    });
  });

  test.each(["bin/nats-server", "sbin/nats-server"])("runs with %s, also if only bin is in PATH", (path) => {
    install(path);
    expect(needs("nats-server")).toEqual({});
  });

  test("runs in CI, so that it fails there without the program", () => {
    vi.stubEnv("CI", "1");
    expect([lacks("nats-server"), lacks("git"), lacks("lsof")]).toEqual([false, false, false]);
    expect(lacks("a C++ compiler and git")).toBe(true);
  });

  test("that compiles runs with a compiler and git, and where the addon is required", () => {
    install("bin/clang++");
    expect(lacks("a C++ compiler and git")).toBe(true);
    install("bin/git");
    expect(lacks("a C++ compiler and git")).toBe(false);
    vi.stubEnv("PATH", "");
    vi.stubEnv("WAGGLE_ADDON", "required");
    expect([lacks("a C++ compiler and git"), lacks("Waggle's addon")]).toEqual([false, false]);
  });
});

test("the end of a run has a line for each missing thing, and none for tests that a filter left out", () => {
  type Modules = Parameters<typeof skippedLines>[0];
  const skipped = (missing?: string, note?: string) => ({
    meta: () => ({ missing }),
    result: () => ({ state: "skipped", note }),
  });
  const modules = [
    [skipped("b: install b"), skipped()],
    [...Array(10).keys()].map(() => skipped("a: install a")),
    [skipped(undefined, "rights: run as root")],
  ].map((tests) => ({ children: { allTests: () => tests } })) as unknown as Modules;
  expect(skippedLines(modules)).toEqual([
    " Skipped  10 tests need a: install a",
    " Skipped   1 test needs b: install b",
    " Skipped   1 test needs rights: run as root",
  ]);
});
