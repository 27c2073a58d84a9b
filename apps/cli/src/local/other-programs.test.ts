// Tests which models of other programs are offered, on made-up folders of Ollama and LM Studio.
import { createHash } from "node:crypto";
import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { formatBytes } from "@waggle/daemon/terminal";
import { madeUpHeader } from "@waggle/models/testing/made-up-header";
import { beforeEach, expect, it } from "vitest";
import { runCommand } from "../testing/run-command.ts";
import { readConfig, type CliConfig } from "../config.ts";
import { findOtherModels } from "./other-programs.ts";

const stories = fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
const size = formatBytes(statSync(stories).size);
const { signal } = new AbortController();
let home: string;
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), "waggle-other-"));
});

const config = (env: Record<string, string> = {}): CliConfig => {
  // No worker listens on port 2; one may listen on the default port.
  const read = readConfig({
    env: { WAGGLE_PORT: "2", ...env },
    homeFolder: home,
    entry: { path: "/waggle.js", execArgv: [] },
  });
  // Without the folder of Ollama's service, which may exist on this machine.
  return { ...read, programFolders: read.programFolders.filter(({ path }) => path.startsWith(home)) };
};

function put(path: string, content: Buffer | string): string {
  const file = join(home, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content);
  return file;
}

const putStories = (path: string): string => {
  const file = put(path, "");
  copyFileSync(stories, file);
  return file;
};

/** Writes a tag in Ollama's layout. @returns the path of its model */
function putTag(tag: string, content: Buffer, folder = ".ollama/models"): string {
  const sha256 = createHash("sha256").update(content).digest("hex");
  const layers = [
    { mediaType: "application/vnd.ollama.image.model", digest: `sha256:${sha256}`, size: content.length },
  ];
  put(`${folder}/manifests/registry.ollama.ai/library/${tag}`, JSON.stringify({ layers }));
  return put(`${folder}/blobs/sha256-${sha256}`, content);
}

it("list without a worker offers the models of Ollama and LM Studio with their commands, and copies nothing", async () => {
  const blob = putTag("story/1b", readFileSync(stories));
  const file = putStories(".lmstudio/models/bee/story-GGUF/story's.gguf");
  const before = readdirSync(home, { recursive: true });
  const { code, out, err } = await runCommand(["list"], { config: config() });
  expect([code, out.includes("story")]).toEqual([0, false]);
  const [, offers = ""] = err.split("\n\n");
  expect(offers.split("\n")).toEqual([
    "Models of other programs, which Waggle can serve without copying them:",
    `  story:1b (Ollama, ${size}, text)`,
    `    waggle serve story-1b=${blob}`,
    `  story-s (LM Studio, ${size}, text)`,
    `    waggle serve '${file.replace("'", String.raw`'\''`)}'`,
    "",
  ]);
  expect(readdirSync(home, { recursive: true })).toEqual(before);
  expect((await runCommand(["list", "--json"], { config: config() })).err).toBe("");
});

it("says of a file that cannot be served why not", async () => {
  const text = { "general.architecture": "llama", "llama.block_count": 1 };
  putTag("seeing/4b", madeUpHeader(text, [{ name: "v.blk.0.attn_q.weight", shape: [1] }], { dataBytes: 4 }));
  putTag("clip/1b", madeUpHeader({ "general.architecture": "clip" }));
  putTag("damaged/1b", Buffer.from("no model"));
  const { models } = await findOtherModels(config(), signal);
  expect(models.map(({ name, use }) => [name, "problem" in use && use.problem])).toEqual([
    ["clip:1b", "a model of architecture clip neither generates text nor embeds it"],
    ["damaged:1b", "not a GGUF file"],
    ["seeing:4b", "its file also has the encoder of pictures, which llama.cpp does not load"],
  ]);
});

it("reads a folder once that has two names, and OLLAMA_MODELS instead of the default folder", async () => {
  putStories(".lmstudio/models/a/b/one.gguf");
  mkdirSync(join(home, ".cache"));
  symlinkSync(join(home, ".lmstudio"), join(home, ".cache/lm-studio"));
  putTag("default/1b", readFileSync(stories));
  const blob = putTag("moved/latest", readFileSync(stories), "disk");
  const { models } = await findOtherModels(config({ OLLAMA_MODELS: join(home, "disk") }), signal);
  expect(models.map(({ name }) => name)).toEqual(["moved:latest", "one"]);
  expect(models[0]?.use).toMatchObject({ command: `waggle serve moved=${blob}` });
});

it("stops at the limit and counts the rest", async () => {
  for (let at = 0; at < 53; at += 1) put(`.lmstudio/models/a/b/m${at}.gguf`, "GGUF");
  const { models, leftOut } = await findOtherModels(config(), signal);
  expect([models.length, leftOut]).toEqual([50, 3]);
});
