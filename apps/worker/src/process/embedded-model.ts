// Owns the path of the model that ships with Waggle. The relative path is the same in the source and in the build.
import { fileURLToPath } from "node:url";

export function embeddedModelPath(): string {
  return fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
}
