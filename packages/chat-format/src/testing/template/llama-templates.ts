// Reads the chat templates of llama.cpp's tests from the source that node-llama-cpp carries: the templates are not in this repository.
import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const repository = fileURLToPath(new URL("../../../../../", import.meta.url));
const templateFolder = "models/templates";

/**
 * Returns about 70 sources by file name without `.jinja`, sorted by name. The first call after an install takes a second to unpack the sources.
 * @throws Error if node-llama-cpp or git is not installed
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
    const git = join(work, "source.git");
    execFileSync("git", ["clone", "--quiet", "--bare", join(source, "gitRelease.bundle"), git], { stdio: "ignore" });
    execFileSync("git", ["--git-dir", git, "--work-tree", work, "checkout", "HEAD", "--", templateFolder], {
      stdio: "ignore",
    });
    renameSync(join(work, templateFolder), folder);
  } catch (error) {
    // Another process may have created the folder.
    if (!existsSync(folder)) throw error;
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}
