// Tests the process table: parsing, families, and that a process keeps its identity while it lives.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { describe, expect, it } from "vitest";
import {
  familyOf,
  isAlive,
  listProcesses,
  parsePsLine,
  parseStat,
  sameProcess,
  type ProcessEntry,
} from "./processes.ts";
import { poll } from "../wait.ts";

describe("parseStat", () => {
  it("parses the fields after a name with spaces and parentheses", () => {
    const stat = "4321 (a) S (b) S 1234 4000 4000 0 -1 4194560 900 0 1 0 12 3 0 0 20 0 11 0 777000 99999 888 184467";
    expect(parseStat(stat)).toEqual({ pid: 4321, parentPid: 1234, groupId: 4000, startedAt: "777000" });
  });

  it("leaves out a zombie", () => {
    expect(parseStat("5 (node) Z 1 5 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0")).toBeUndefined();
  });
});

describe("parsePsLine", () => {
  it("takes five words as the start time and the rest as the command", () => {
    expect(parsePsLine("  12  1  12 Ss   Fri Nov 20 08:51:24 2026 node a b")).toEqual([
      { pid: 12, parentPid: 1, groupId: 12, startedAt: "Fri Nov 20 08:51:24 2026", command: "node a b" },
    ]);
  });

  it("leaves out zombies and empty lines", () => {
    expect(parsePsLine(" 12 1 12 Z+ Fri Nov 20 08:51:24 2026 node")).toEqual([]);
    expect(parsePsLine("")).toEqual([]);
  });
});

describe("familyOf", () => {
  const entry = (pid: number, parentPid: number, groupId: number): ProcessEntry => ({
    pid,
    parentPid,
    groupId,
    startedAt: "0",
    command: "",
  });

  it("finds only group members without a parent and descendants outside of the group", () => {
    const table = [entry(10, 1, 10), entry(11, 1, 10), entry(13, 12, 13), entry(12, 11, 12), entry(20, 1, 20)];
    expect(familyOf(table, [10]).map(({ pid }) => pid)).toEqual([10, 11, 13, 12]);
  });
});

describe("listProcesses", () => {
  it("gives a live child the same identity each time, and omits it after its end", async () => {
    const child = spawn(process.execPath, [
      "-e",
      "process.stdin.resume(); const a = Buffer.alloc(5e7, 1); console.log(a.length)",
    ]);
    const find = async (): Promise<ProcessEntry | undefined> =>
      (await listProcesses()).find(({ pid }) => pid === child.pid);
    try {
      const before = await find();
      await once(child.stdout, "data");
      const after = await find();
      expect(before?.parentPid).toBe(process.pid);
      expect(before && after && sameProcess(before, after)).toBe(true);
    } finally {
      child.kill("SIGKILL");
    }
    await once(child, "exit");
    expect(await find()).toBeUndefined();
  });
});

describe("familyOf and isAlive", () => {
  it("find a grandchild until its end", async () => {
    // A grandchild that ends with its stdin, so that it cannot outlive this test.
    const script = `
      const { spawn } = require("node:child_process");
      const child = spawn(process.execPath, ["-e", "process.stdin.resume()"], { stdio: ["inherit", "ignore", "ignore"] });
      process.stdin.on("end", () => process.exit()).resume();
      console.log(child.pid);`;
    const child = spawn(process.execPath, ["-e", script], { stdio: ["pipe", "pipe", "inherit"] });
    const [line] = (await once(child.stdout, "data")) as [Buffer];
    const grandchild = Number(line.toString());
    const family = familyOf(await listProcesses(), [child.pid ?? 0]);
    expect(new Set(family.map(({ pid }) => pid))).toEqual(new Set([child.pid, grandchild]));
    expect(await isAlive(grandchild)).toBe(true);
    child.stdin.end();
    await poll("the grandchild to be gone", async () => !(await isAlive(grandchild)));
  });
});
