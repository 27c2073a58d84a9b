// Owns where the model that ships with Waggle lies. The way is the same from the source and from the build.
import { fileURLToPath } from "node:url";

export function embeddedModelPath(): string {
  return fileURLToPath(new URL("../../../models/waggle-tiny-stories.gguf", import.meta.url));
}
