import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { needs } from "@waggle/testing";
import { beforeEach, expect, test } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { findOllamaModels } from "./ollama-folder.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

function put(name: string, text: string): string {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
}

const digits = (digit: string): string => digit.repeat(64);
const layer = (type: string, digit: string) => ({
  mediaType: `application/vnd.ollama.image.${type}`,
  digest: `sha256:${digits(digit)}`,
  size: 9,
});
const putTag = (tag: string, ...layers: readonly unknown[]): string =>
  put(`manifests/${tag}`, JSON.stringify({ schemaVersion: 2, layers }));

test("finds each tag's model and projector, under the name that Ollama shows", async () => {
  const model = put(`blobs/sha256-${digits("a")}`, "GGUF 1234");
  const early = put(`blobs/sha256:${digits("b")}`, "GGUF");
  const projector = put(`blobs/sha256-${digits("c")}`, "GGUF");
  putTag("registry.ollama.ai/library/story/1b", layer("model", "a"), layer("template", "d"));
  putTag("registry.ollama.ai/bee/story/latest", layer("model", "b"));
  putTag("hf.co/user/Repo-GGUF/Q4_K_M", layer("model", "a"), layer("projector", "c"));
  put("manifests/registry.ollama.ai/library/story/.DS_Store", "");
  put("manifests/stray", "{}");
  const problem = undefined;
  expect(await findOllamaModels(folder)).toEqual([
    { name: "bee/story:latest", path: early, bytes: 4, projector: undefined, problem },
    { name: "hf.co/user/Repo-GGUF:Q4_K_M", path: model, bytes: 9, projector, problem },
    { name: "story:1b", path: model, bytes: 9, projector: undefined, problem },
  ]);
});

test.each([
  ["the file is missing", [layer("model", "a")], "its file is missing or incomplete"],
  [
    "the projector is missing",
    [layer("model", "e"), layer("projector", "a")],
    "its projector is missing or incomplete",
  ],
  ["the tag has an adapter", [layer("model", "e"), layer("adapter", "e")], "it is an adapter for another model"],
  ["the tag has no GGUF file", [layer("tensor", "e")], "the tag has no GGUF file"],
])("says why a tag cannot be served: %s", async (_, layers, problem) => {
  put(`blobs/sha256-${digits("e")}`, "GGUF");
  put(`blobs/sha256-${digits("a")}-partial`, "GG");
  putTag("registry.ollama.ai/library/story/1b", ...layers);
  expect(await findOllamaModels(folder)).toMatchObject([
    { name: "story:1b", path: undefined, problem: expect.stringContaining(problem) },
  ]);
});

test("reads no manifest beyond the limit of its length, and no path out of the folder", async () => {
  put("manifests/registry.ollama.ai/library/long/1b", `{"layers":[],"x":"${"x".repeat(1 << 20)}"}`);
  put("manifests/registry.ollama.ai/library/page/1b", "<html>");
  putTag("registry.ollama.ai/library/out/1b", { ...layer("model", "a"), digest: "sha256:../../secret" });
  expect((await findOllamaModels(folder)).map(({ name, problem }) => [name, problem])).toEqual([
    ["long:1b", "the tag's manifest is too long"],
    ["out:1b", "the tag has no GGUF file"],
    ["page:1b", "the tag's manifest is invalid"],
  ]);
});

test("reads at most 1,000 tags", async () => {
  for (let at = 0; at < 1_001; at += 1) put(`manifests/registry.ollama.ai/library/story/${at}`, "");
  expect(await findOllamaModels(folder)).toHaveLength(1_000);
});

test("a folder without manifests has no models", async () => {
  expect(await findOllamaModels(join(folder, "nowhere"))).toEqual([]);
});

// Root reads every folder.
test("a folder that this user may not read is an error", needs("a user other than root"), async () => {
  putTag("registry.ollama.ai/library/story/1b", layer("model", "a"));
  chmodSync(join(folder, "manifests"), 0);
  await expect(findOllamaModels(folder)).rejects.toMatchObject({ code: "EACCES" });
  chmodSync(join(folder, "manifests"), 0o700);
});
