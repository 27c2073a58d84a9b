// Tests what no terminal shows: a start that throws leaves no daemon behind, which would keep the command from its end.
import { listDescendants, waitForGone } from "@waggle/harness";
import { expect, it } from "vitest";
import { runSideBySide } from "./side-by-side.ts";

it("ends what it has started when a further start throws", async () => {
  let started: number[] = [];
  const run = runSideBySide(async (start) => {
    const before = await listDescendants(process.pid);
    await start({ daemon: "hive", label: "hive", colour: "yellow", flags: ["--port", "0"] });
    started = (await listDescendants(process.pid)).filter((pid) => !before.includes(pid));
    throw new Error("No worker today");
  });
  await expect(run).rejects.toThrow("No worker today");
  expect(started).not.toEqual([]);
  await waitForGone(started, 3_000);
});
