// Tests the arguments of `waggle gpu`; tests/gpu-add tests its effect with real workers.
import { expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";

it("says which devices there are to one who asks for another, or for something else than to add it", async () => {
  for (const words of ["add metal", "remove cuda"]) {
    const { code, err } = await runCommand(["gpu", ...words.split(" ")]);
    expect(code).toBe(64);
    expect(err).toContain(`There is no command gpu ${words}. There is: waggle gpu add cuda, waggle gpu add vulkan.`);
  }
});

it("says why nothing can be added where its folder cannot be made, where there are packages for the machine", async () => {
  const { code, out, err } = await runCommand(["gpu", "add", "vulkan", "--yes"], {
    config: { gpuFolder: "/dev/null/gpu" },
  });
  expect(out + err).toMatch(/Cannot read the folder \/dev\/null\/gpu: ENOTDIR|no package of it is known/);
  expect(code).not.toBe(0);
});
