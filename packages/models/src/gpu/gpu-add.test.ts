// Tests the output and the question before a download.
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, it } from "vitest";
import { newFolder } from "../testing/folder.ts";
import { gpuAdd } from "./gpu-add.ts";

let root: string;
beforeEach(() => void (root = newFolder()));

const none = { nvidia: [], render: [], closed: [], vulkanDrivers: [] };

/** Runs `gpu add` with the answer no. @returns all lines, including the question */
async function refused(devices: typeof none | { readonly nvidia: readonly string[] }): Promise<readonly string[]> {
  const said: string[] = [];
  const npm = join(root, "npm.sh");
  writeFileSync(npm, `#!/bin/sh\ntouch "${join(root, "called")}"\n`, { mode: 0o755 });
  const adding = gpuAdd({
    ...{ device: "cuda", folder: join(root, "gpu"), workerCommand: ["false"], env: {}, npm },
    machine: { platform: "linux", arch: "x64" },
    devices: { ...none, ...devices },
    say: (line) => said.push(line),
    async confirm(question) {
      said.push(question);
      throw new Error("no");
    },
  });
  await expect(adding).rejects.toThrow("no");
  return said;
}

it("shows the size in the question, and downloads nothing if the answer is no", async () => {
  const said = await refused({ nvidia: ["/dev/nvidia0"] });
  expect(said).toEqual([expect.stringContaining("a download of 320 MB, 540 MB on disk"), "Download 320 MB?"]);
  expect(existsSync(join(root, "called"))).toBe(false);
});

it("warns first if no GPU is visible", async () => {
  const said = await refused(none);
  expect(said[0]).toBe(
    "No GPU for cuda is visible on this machine: there is no /dev/nvidia0; in a container, --gpus all is needed.",
  );
});
