// Owns the path of the model that ships with Waggle. It is the same from the source and from the build.
import { fileURLToPath } from "node:url";

export function embeddedModelPath(): string {
  return fileURLToPath(new URL("../../../../models/waggle-tiny-stories.gguf", import.meta.url));
}
