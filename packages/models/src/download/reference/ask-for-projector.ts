// Chooses the projector that comes with a model from a hub's repository or from Ollama's registry.
import { basename } from "node:path/posix";
import { projectorsAmong } from "../folder/projector-names.ts";
import type { OpenOptions } from "../transfer/open-url.ts";
import { readHubTree } from "./hub-tree.ts";
import { hubProjector, type FileTarget } from "./parse-reference.ts";

/**
 * Chooses the best projector of the repository: its list of files has all of them, while its manifest names only one.
 * @param isTag whether the file was named by a tag; the manifest then tells whether there is a projector
 * @returns null if the model has no projector, undefined if that is unknown
 * @throws the signal's reason when it aborts
 */
export async function askForProjector(
  { hub, projector }: FileTarget,
  isTag: boolean,
  { credentials, signal }: OpenOptions,
): Promise<FileTarget | null | undefined> {
  if (hub === undefined || (isTag && projector === undefined)) return projector ?? null;
  try {
    const tree = await readHubTree(hub, credentials, signal);
    const paths = new Map(tree.filter(({ path }) => /\.gguf$/i.test(path)).map(({ path }) => [basename(path), path]));
    const [best] = projectorsAmong([...paths.keys()], basename(hub.path));
    const path = best === undefined ? undefined : paths.get(best);
    return path === undefined ? (projector ?? null) : hubProjector({ ...hub, path });
  } catch {
    signal.throwIfAborted();
    // A mirror may have the files of a repository, but no list of them.
    return projector;
  }
}
