// Tests the process table: a child of a child while it lives, no zombies, and odd names.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { familyOf, isAlive, listProcesses, parseStat } from "./processes.ts";
import { poll } from "../wait.ts";

it("familyOf and isAlive find a grandchild until its end", async () => {
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

it("parses the fields after a name with spaces and parentheses, and leaves out a zombie", () => {
  const stat = "4321 (a) S (b) S 1234 4000 4000 0 -1 4194560 900 0 1 0 12 3 0 0 20 0 11 0 777000 99999 888 184467";
  expect(parseStat(stat)).toEqual({ pid: 4321, parentPid: 1234, groupId: 4000, startedAt: "777000" });
  expect(parseStat("5 (node) Z 1 5 5 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 777 0 0")).toBeUndefined();
});
