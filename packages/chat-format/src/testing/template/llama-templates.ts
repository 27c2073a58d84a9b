// Reads the chat templates of llama.cpp's tests from the source that node-llama-cpp carries: the templates are not in this repository.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { filesInBundle } from "./git-bundle.ts";

const repository = fileURLToPath(new URL("../../../../../", import.meta.url));
const templateFolder = "models/templates";

/**
 * Returns about 70 sources by file name without `.jinja`, sorted by name. The first call after an install takes two seconds to unpack the sources.
 * @throws Error if node-llama-cpp is not installed
 */
export function llamaTemplates(): ReadonlyMap<string, string> {
  const folder = unpacked();
  const names = readdirSync(folder)
    .filter((name) => name.endsWith(".jinja"))
    .toSorted();
  return new Map(names.map((name) => [basename(name, ".jinja"), readFileSync(join(folder, name), "utf8")]));
}

function unpacked(): string {
  const library = createRequire(join(repository, "packages/engine-llama/package.json")).resolve("node-llama-cpp");
  const source = join(dirname(dirname(realpathSync(library))), "llama");
  const { release } = JSON.parse(readFileSync(join(source, "binariesGithubRelease.json"), "utf8")) as {
    release: string;
  };
  const cache = join(repository, "node_modules/.cache/waggle");
  const folder = join(cache, `llama-templates-${release}`);
  if (existsSync(folder)) return folder;
  mkdirSync(cache, { recursive: true });
  const work = mkdtempSync(join(cache, "unpacking-"));
  try {
    const files = filesInBundle(readFileSync(join(source, "gitRelease.bundle")), templateFolder);
    for (const [name, content] of files) writeFileSync(join(work, name), content);
    renameSync(work, folder);
  } catch (error) {
    // Another process may have created the folder.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}
