import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { findGpuDevices } from "./gpu-devices.ts";
import { unusedGpu } from "./unused-gpu.ts";

let root = "";
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "waggle-gpu-"));
  for (const folder of ["dev/dri", "usr/share/vulkan/icd.d", "gpu/node_modules/@node-llama-cpp/linux-x64-cuda"])
    mkdirSync(join(root, folder), { recursive: true });
  for (const file of ["dev/nvidia0", "dev/nvidiactl", "dev/dri/renderD128", "dev/dri/card0"])
    writeFileSync(join(root, file), "");
  for (const driver of ["radeon", "lvp"]) writeFileSync(join(root, "usr/share/vulkan/icd.d", `${driver}.json`), "");
});

it("finds devices and drivers by their files, and leaves out drivers that compute on the CPU", async () => {
  expect(await findGpuDevices("linux", root)).toEqual({
    nvidia: [join(root, "dev/nvidia0")],
    render: [join(root, "dev/dri/renderD128")],
    closed: [],
    vulkanDrivers: [join(root, "usr/share/vulkan/icd.d/radeon.json")],
  });
});

describe("the hint about an unused GPU", () => {
  const none = { nvidia: [], render: [], closed: [], vulkanDrivers: [] };
  const on = { platform: "linux", arch: "x64", folder: "/nowhere" };

  it("has the command that installs the missing package", () => {
    expect(unusedGpu({ ...none, nvidia: ["/dev/nvidia0"] }, on)).toContain("waggle gpu add cuda");
    const other = { ...none, render: ["/dev/dri/renderD128"], vulkanDrivers: ["radeon.json"] };
    expect(unusedGpu(other, on)).toContain("waggle gpu add vulkan");
  });

  it("has the device that the user may not open, or else refers to waggle doctor", () => {
    expect(unusedGpu({ ...none, nvidia: ["/dev/nvidia0"], closed: ["/dev/nvidia0"] }, on)).toContain(
      "may not open /dev/nvidia0",
    );
    const packaged = { ...on, folder: join(root, "gpu") };
    expect(unusedGpu({ ...none, nvidia: ["/dev/nvidia0"] }, packaged)).toContain("waggle doctor shows the reason");
  });

  it("is empty without a GPU, a driver, or a package for the system", () => {
    expect(unusedGpu(none, on)).toBeUndefined();
    expect(unusedGpu({ ...none, render: ["/dev/dri/renderD128"] }, on)).toBeUndefined();
    expect(unusedGpu({ ...none, nvidia: ["/dev/nvidia0"] }, { ...on, arch: "arm64" })).toBeUndefined();
  });
});
