// Tests which addons are loaded, and what a backend does with an addon that does not work.
import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getModuleVersion } from "node-llama-cpp";
import type { BackendInfo } from "@waggle/engine";
import { expect, test, vi } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { sourceHashOf } from "./addon-file.ts";
import * as addons from "./addon.ts";
import { requiredVersion } from "./library-context.ts";
import { loadLlamaBackend } from "../load/load.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-addon-"));

async function load(name: string, source: string): Promise<addons.LoadedAddon> {
  const path = join(folder, name);
  writeFileSync(path, source);
  return await addons.loadAddon("waggle-llama", path);
}

test("the required version is the installed one", async () => {
  expect(await getModuleVersion()).toBe(requiredVersion);
});

test("an addon for the installed version is loaded", async () => {
  const versions = { libraryVersion: requiredVersion, sourceHash: sourceHashOf("waggle-llama", requiredVersion) };
  const addon = expect.objectContaining(versions) as object;
  expect(await load("same.cjs", `module.exports = ${JSON.stringify(versions)};`)).toEqual({ addon });
});

test("an addon of other sources is not used, where the sources are", async () => {
  const versions = { libraryVersion: requiredVersion, sourceHash: "0123456789abcdef" };
  expect(await load("stale.cjs", `module.exports = ${JSON.stringify(versions)};`)).toEqual({
    problem: "it was compiled from older or newer sources",
  });
});

test("an addon for another version is not used, and the reason has both versions", async () => {
  expect(await load("other.cjs", 'exports.libraryVersion = "1.2.3";')).toEqual({
    problem: `it needs node-llama-cpp 1.2.3, and ${requiredVersion} is installed`,
  });
});

test("a file that cannot be loaded is not used, and the reason is that of the system", async () => {
  expect(await load("broken.node", "not a library")).toEqual({
    problem: expect.stringMatching(/^it cannot be loaded: .*broken\.node/),
  });
});

test("without a file there is no addon", async () => {
  const path = join(folder, "missing.node");
  expect(await addons.loadAddon("waggle-llama", path)).toEqual({ problem: "it is not installed", isMissing: true });
});

async function infoAndLog(): Promise<{ info: BackendInfo; lines: string[] }> {
  const lines: string[] = [];
  const backend = await loadLlamaBackend({
    ...{ modelPath: storyModel, slots: 1, contextSize: 256, threads: 1, device: "cpu" },
    log: (level, message) => void lines.push(`${level}: ${message}`),
  });
  await backend.dispose();
  vi.restoreAllMocks();
  return { info: backend.info, lines };
}

test("a backend without the addon says so, and how to get it", async () => {
  vi.spyOn(addons, "loadAddon").mockResolvedValue(await addons.loadAddon("waggle-llama", join(folder, "missing.node")));
  const { info, lines } = await infoAndLog();
  expect(info).toMatchObject({ binding: "library", bindingReason: "it is not installed" });
  expect(lines).toContainEqual(expect.stringMatching(/^info: .*not used: it is not installed\. .*xtask engine:build/));
});

test("a backend whose addon computes something else decodes with the library's binding, and warns", async () => {
  const stopReserving = vi.fn();
  const wrong = {
    libraryVersion: requiredVersion,
    startReserving: () => {},
    stopReserving,
    Decoder: function Decoder() {
      return {
        decode: async () => Float64Array.of(5),
        getLogits: (_: number, top: number) => {
          return Float64Array.of(NaN, top, ...Array.from({ length: top }, (__, token) => [token, token]).flat());
        },
      };
    },
    Sampler: function Sampler() {
      return { configure: () => {}, setRecent: () => {} };
    },
  } as unknown as addons.LoadedAddon["addon"];
  vi.spyOn(addons, "loadAddon").mockResolvedValue({ addon: wrong } as addons.LoadedAddon);
  const { info, lines } = await infoAndLog();
  expect(info).toMatchObject({ binding: "library", bindingReason: "it does not work here: it computes other logits" });
  expect(stopReserving).toHaveBeenCalled();
  expect(lines).toContainEqual(
    expect.stringMatching(/^warn: .*not used: it does not work here: it computes other logits\./),
  );
});
