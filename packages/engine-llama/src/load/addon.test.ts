// Tests which addons are loaded, and what a backend does with an addon that does not work.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { getModuleVersion } from "node-llama-cpp";
import { afterAll, expect, test, vi } from "vitest";
import { storyModel } from "../testing/story-model.ts";
import { requiredVersion } from "../passes/library-context.ts";
import * as addons from "./addon.ts";
import { loadLlamaBackend } from "./load.ts";

const folder = mkdtempSync(join(tmpdir(), "waggle-addon-"));
afterAll(() => rmSync(folder, { recursive: true }));

async function load(name: string, source: string): Promise<{ addon: unknown; warnings: string[] }> {
  const path = join(folder, name);
  writeFileSync(path, source);
  const warnings: string[] = [];
  return { addon: await addons.loadAddon((message) => warnings.push(message), path), warnings };
}

test("the required version is the installed one", async () => {
  expect(await getModuleVersion()).toBe(requiredVersion);
});

test("an addon for the installed version is loaded", async () => {
  const { addon, warnings } = await load("same.cjs", `exports.libraryVersion = "${requiredVersion}";`);
  expect(addon).toMatchObject({ libraryVersion: requiredVersion });
  expect(warnings).toEqual([]);
});

test("an addon for another version is not used, and the warning has both versions", async () => {
  const { addon, warnings } = await load("other.cjs", 'exports.libraryVersion = "1.2.3";');
  expect(addon).toBeUndefined();
  expect(warnings).toEqual([
    `Cannot use ${join(folder, "other.cjs")}: it needs node-llama-cpp 1.2.3, and ${requiredVersion} is installed`,
  ]);
});

test("a file that cannot be loaded is not used, and the warning has the reason", async () => {
  const { addon, warnings } = await load("broken.node", "not a library");
  expect(addon).toBeUndefined();
  expect(warnings).toEqual([expect.stringMatching(/^Cannot load .*broken\.node: .+/)]);
});

test("without a file there is no addon and no warning", async () => {
  const warn = vi.fn();
  expect(await addons.loadAddon(warn, join(folder, "missing.node"))).toBeUndefined();
  expect(warn).not.toHaveBeenCalled();
});

test("a backend whose addon computes something else decodes with the library's binding, and warns", async () => {
  const wrong = {
    libraryVersion: requiredVersion,
    Decoder: function Decoder() {
      return {
        decode: async () => Float64Array.of(5),
        getLogits: (_: number, top: number) => {
          return Float64Array.of(1, NaN, top, ...Array.from({ length: top }, (__, token) => [token, token]).flat());
        },
      };
    },
    Sampler: function Sampler() {
      return { configure: () => {}, setRecent: () => {} };
    },
  } as unknown as Awaited<ReturnType<typeof addons.loadAddon>>;
  vi.spyOn(addons, "loadAddon").mockResolvedValue(wrong);
  const lines: string[] = [];
  const backend = await loadLlamaBackend({
    ...{ modelPath: storyModel, slots: 1, contextSize: 256, threads: 1, device: "cpu" },
    log: (level, message) => void lines.push(`${level}: ${message}`),
  });
  await backend.dispose();
  vi.restoreAllMocks();
  expect(backend.info.binding).toBe("library");
  expect(lines).toContain(
    "warn: Decoding with node-llama-cpp's own binding, because the addon does not work here: it computes other logits",
  );
});
