// Tests the arguments of `waggle gpu`; tests/programs/gpu-add tests its effect with real workers.
import { expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

it("lists the possible commands after an unknown device or action", async () => {
  for (const words of ["add metal", "remove cuda"]) {
    const { code, err } = await runCommand(["gpu", ...words.split(" ")]);
    expect(code).toBe(64);
    expect(err).toContain(`Unknown command gpu ${words}. Available: waggle gpu add cuda, waggle gpu add vulkan.`);
  }
});

it("reports that the folder of packages cannot be made, or that this machine has no packages", async () => {
  const { code, out, err } = await runCommand(["gpu", "add", "vulkan", "--yes"], {
    config: { gpuFolder: "/dev/null/gpu" },
  });
  expect(out + err).toMatch(/Cannot read the folder \/dev\/null\/gpu: ENOTDIR|no package of it is known/);
  expect(code).not.toBe(0);
});
