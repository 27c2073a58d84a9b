// Owns the name and the path of the model that ships with Waggle. The relative path is the same in the source and in the build.
import { fileURLToPath } from "node:url";

/** The name in every list and command. The name in the file's header has spaces, so it needs quotes in a shell. */
export const embeddedModelName = "waggle-tiny-stories";

export function embeddedModelPath(): string {
  return fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
}
