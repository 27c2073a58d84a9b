// Tests that a failed start leaves no daemon behind, which would keep the command running.
import { familyOf, isAlive, listProcesses, poll } from "@waggle/testing/harness";
import { expect, it } from "vitest";
import { runSideBySide } from "./side-by-side.ts";

it("ends the started daemons when a further start throws", async () => {
  let started: number[] = [];
  const run = runSideBySide(async (start) => {
    const before = await family();
    await start({ daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", "0"] });
    started = (await family()).filter((pid) => !before.includes(pid));
    throw new Error("No worker today");
  });
  await expect(run).rejects.toThrow("No worker today");
  expect(started).not.toEqual([]);
  for (const pid of started) await poll(`process ${pid} to be gone`, async () => !(await isAlive(pid)));
});

async function family(): Promise<number[]> {
  return familyOf(await listProcesses(), [process.pid]).map(({ pid }) => pid);
}
