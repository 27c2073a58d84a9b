// Finds the models in Ollama's folder: `manifests/<registry>/<namespace>/<model>/<tag>` names the files of a tag by their SHA-256, and the files
// are `blobs/sha256-<digits>`. It changes nothing.
import { readdir, readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { filesOfTag } from "../reference/ollama-manifest.ts";
import { DownloadError } from "../transfer/download-error.ts";
import { mostJsonBytes } from "../transfer/open-url.ts";

/** Manifests that are read: users have dozens of tags. */
const mostTags = 1_000;
/** Entries of all folders together: the folder is a user's setting, and may be any. */
const mostEntries = 20_000;
/** Folders above a tag: registry, namespace and model. */
const foldersOfTag = 3;
const ownRegistry = "registry.ollama.ai";

export interface OllamaModel {
  /** As `ollama list` shows it: `llama3.2:3b`, `user/model:tag`, `hf.co/user/repo:Q4_K_M`. */
  readonly name: string;
  /** Absolute path of the GGUF file; undefined if `problem` says why Waggle cannot serve the tag. */
  readonly path: string | undefined;
  readonly bytes: number;
  /** Absolute path of the projector with which the model reads pictures. */
  readonly projector: string | undefined;
  readonly problem: string | undefined;
}

/** @returns the tags in the folder, sorted by name. @throws the file system's error if the folder exists and cannot be read */
export async function findOllamaModels(folder: string): Promise<readonly OllamaModel[]> {
  const tags = await tagsBelow(join(folder, "manifests"), [], { left: mostEntries });
  const models: OllamaModel[] = [];
  for (const tag of tags.slice(0, mostTags)) models.push(await readTag(folder, tag));
  return models.toSorted((one, other) => (one.name < other.name ? -1 : 1));
}

type Tag = readonly string[];

async function tagsBelow(folder: string, above: Tag, budget: { left: number }): Promise<readonly Tag[]> {
  const tags: Tag[] = [];
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === "ENOENT" || above.length > 0) return [];
    throw error;
  });
  for (const entry of entries) {
    budget.left -= 1;
    if (budget.left < 0) break;
    if (entry.name.startsWith(".")) continue;
    const path = [...above, entry.name];
    if (above.length === foldersOfTag) tags.push(...(entry.isFile() ? [path] : []));
    else if (entry.isDirectory()) tags.push(...(await tagsBelow(join(folder, entry.name), path, budget)));
  }
  return tags;
}

async function readTag(folder: string, tag: Tag): Promise<OllamaModel> {
  const name = nameOfTag(tag);
  try {
    const { model, projector } = filesOfTag(await readManifest(join(folder, "manifests", ...tag)));
    const path = await blobAt(folder, model.sha256);
    if (path === undefined) throw new DownloadError("its file is missing or incomplete");
    const second = projector && (await blobAt(folder, projector.sha256));
    if (projector !== undefined && second === undefined)
      throw new DownloadError("its projector is missing or incomplete");
    return { name, path, bytes: (await stat(path)).size, projector: second, problem: undefined };
  } catch (error) {
    const problem = error instanceof DownloadError ? error.message : "its manifest cannot be read";
    return { name, path: undefined, bytes: 0, projector: undefined, problem };
  }
}

async function readManifest(path: string): Promise<string> {
  if ((await stat(path)).size > mostJsonBytes) throw new DownloadError("the tag's manifest is too long");
  return await readFile(path, "utf8");
}

/** Early versions of Ollama wrote a colon in the names of blobs. */
async function blobAt(folder: string, sha256: string): Promise<string | undefined> {
  for (const separator of ["-", ":"]) {
    const path = join(folder, "blobs", `sha256${separator}${sha256}`);
    if (await isFile(path)) return path;
  }
  return undefined;
}

async function isFile(path: string): Promise<boolean> {
  return await stat(path).then(
    (stats) => stats.isFile(),
    () => false,
  );
}

function nameOfTag([registry = "", namespace = "", model = "", tag = ""]: Tag): string {
  const path = [registry, namespace, model];
  const shown = registry !== ownRegistry ? path : namespace === "library" ? [model] : [namespace, model];
  return `${shown.join("/")}:${tag}`;
}
