// Owns where the tests find the embedded model.
import { join } from "node:path";

export const storyModel: string = join(import.meta.dirname, "../../../../models/waggle-tiny-stories.gguf");
