// Lists the GGUF files of a Hugging Face repository, with their quantizations and sizes.
import { WaggleError } from "@waggle/protocol";
import { shownReference } from "../transfer/download-error.ts";
import { firstPart, partCount } from "../folder/model-names.ts";
import { isProjectorName } from "../folder/projector-names.ts";
import type { ReadModelHeaderOptions } from "../folder/read-header.ts";
import { hubCredentials } from "../transfer/open-url.ts";
import { sumOf } from "./find-present.ts";
import { readHubTree, type TreeFile } from "./hub-tree.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";

export type HubFilesOptions = Pick<ReadModelHeaderOptions, "token" | "endpoint" | "signal">;

export interface HubModelFile {
  /** `hf:user/repo/path`. */
  readonly reference: string;
  /** Path of the first part within the repository. */
  readonly path: string;
  /** Quantization in the file's name. */
  readonly quantization: string | undefined;
  /** Bytes of all parts. */
  readonly bytes: number;
  readonly parts: number;
  /** SHA-256 of the file; undefined for a split model. */
  readonly sha256: string | undefined;
}

/**
 * Lists the models of a repository, smallest first; a split model is one entry. Projectors and importance matrices are left out.
 * @param reference `hf:user/repo`; a tag is ignored
 * @throws WaggleError invalid_argument if the reference does not name a repository; unavailable if the hub's answer is missing or invalid; the
 *   signal's reason when it aborts
 */
export async function listHubFiles(reference: string, options: HubFilesOptions = {}): Promise<readonly HubModelFile[]> {
  const { endpoint = defaultEndpoint, token, signal } = options;
  const target = parseReference(reference, endpoint);
  if (target.kind !== "tag") {
    throw new WaggleError("invalid_argument", `Cannot list ${shownReference(reference)}: hf:user/repo is wanted`);
  }
  const { user, repo } = target;
  const credentials = hubCredentials(token, endpoint);
  try {
    const files = await readHubTree({ endpoint, user, repo, branch: "main" }, credentials, signal);
    return modelsAmong(files, `hf:${user}/${repo}`);
  } catch (error) {
    signal?.throwIfAborted();
    const message = `Cannot list ${shownReference(reference)}: ${(error as Error).message}`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

function modelsAmong(files: readonly TreeFile[], repository: string): readonly HubModelFile[] {
  /** The parts of each model that the list has, by the path of the first one: a name may claim a thousand parts. */
  const partsByFirst = new Map<string, TreeFile[]>();
  for (const file of new Map(files.map((each) => [each.path, each])).values()) {
    const first = firstPart(file.path);
    const parts = partsByFirst.get(first);
    if (parts === undefined) partsByFirst.set(first, [file]);
    else parts.push(file);
  }
  const models: HubModelFile[] = [];
  for (const [path, parts] of partsByFirst) {
    const name = path.slice(path.lastIndexOf("/") + 1);
    if (!/\.gguf$/i.test(name) || /imatrix/i.test(name) || isProjectorName(name)) continue;
    // A model with a missing part cannot be loaded.
    if (parts.length !== partCount(path)) continue;
    models.push({
      reference: `${repository}/${path}`,
      path,
      quantization: quantizationIn(name),
      bytes: sumOf(parts.map(({ bytes }) => bytes)),
      parts: parts.length,
      sha256: parts.length === 1 ? parts[0]?.sha256 : undefined,
    });
  }
  return models.sort((one, other) => one.bytes - other.bytes);
}
