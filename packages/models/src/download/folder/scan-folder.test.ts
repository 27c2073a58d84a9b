import { mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { beforeEach, expect, test, vi } from "vitest";
import { newFolder } from "../../testing/folder.ts";
import { scanFolder } from "./scan-folder.ts";
import { defaultModelName, uniqueName } from "../reference/served-names.ts";

let folder: string;
beforeEach(() => void (folder = newFolder()));

const put = (name: string, text = "GGUF and more"): string => {
  const path = join(folder, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
  return path;
};

test("finds the complete models in a folder, each with a unique name", async () => {
  const story = put("Story-Q8_0.gguf");
  const other = put("more/story-Q8_0.GGUF");
  const split = put("big-00001-of-00002.gguf");
  put("big-00002-of-00002.gguf", "more");
  const known = put("known.gguf");
  put("half-00001-of-00002.gguf");
  put("story.gguf.0123456789abcdef.part");
  put("mmproj-story.gguf");
  put("text.gguf", "no model");
  put("empty.gguf", "");
  put(".hidden/x.gguf");
  put("notes.txt");
  mkdirSync(join(folder, "folder.gguf"));
  expect(await scanFolder(folder, { except: [known], taken: ["big"] })).toEqual([
    { name: "story-q8_0", path: story, bytes: 13 },
    { name: "big-2", path: split, bytes: 17 },
    { name: "story-q8_0-2", path: other, bytes: 13 },
  ]);
});

test("follows links, but not in circles", async () => {
  const aside = mkdtempSync(join(tmpdir(), "scan-aside-"));
  writeFileSync(join(aside, "linked.gguf"), "GGUF");
  symlinkSync(aside, join(folder, "link"));
  symlinkSync(folder, join(folder, "loop"));
  symlinkSync(folder, join(aside, "back"));
  symlinkSync(join(aside, "linked.gguf"), join(folder, "single.gguf"));
  symlinkSync("/nowhere.gguf", join(folder, "broken.gguf"));
  const found = await scanFolder(folder);
  expect(found.map(({ name }) => name)).toEqual(["linked", "single"]);
});

test("skips files in folders that are too deep, and fails for a missing folder", async () => {
  put("1/2/3/4/x.gguf");
  put("1/2/3/4/5/y.gguf");
  expect((await scanFolder(folder)).map(({ name }) => name)).toEqual(["x"]);
  await expect(scanFolder(join(folder, "nowhere"))).rejects.toMatchObject({ code: "ENOENT" });
});

test.each([
  ["hf:Qwen/Qwen2.5-0.5B-Instruct-GGUF:Q4_K_M", "qwen2.5-0.5b-instruct-q4_k_m"],
  ["hf:waggle/story", "story"],
  ["hf:waggle/story:latest", "story"],
  ["hf:waggle/story/sub/Story-Q8_0-00001-of-00003.gguf", "story-q8_0"],
  ["https://host/a%20b/My%20Model.gguf?signature=1", "my-model"],
  ["https://huggingface.co/u/r/resolve/main/x.gguf", "x"],
  ["ollama:llama3.2:3b", "llama3.2:3b"],
  ["ollama:llama3.2", "llama3.2"],
  ["ollama:bee/story:q8", "story:q8"],
  ["ollama:hf.co/waggle/story-GGUF:q8_0", "story-q8_0"],
  ["/models/Story (1).gguf", "story-1"],
  ["C:\\models\\Story.gguf", "story"],
  ["/models/.gguf", "model"],
])("%s is served as %s", (reference, name) => {
  expect(defaultModelName(reference)).toBe(name);
});

test("a taken name gets a number", () => {
  expect(uniqueName("x", new Set())).toBe("x");
  expect(uniqueName("x", new Set(["x", "x-2"]))).toBe("x-3");
});

test("names that claim a thousand parts cost no more than other names", async () => {
  const names = Array.from({ length: 50 }, (_, i) => `m${i}-00001-of-01000.gguf`);
  for (const name of names) put(name);
  const padded = vi.spyOn(String.prototype, "padStart");
  expect(await scanFolder(folder)).toEqual([]);
  expect(padded.mock.calls.length).toBeLessThan(5 * names.length);
  padded.mockRestore();
});
