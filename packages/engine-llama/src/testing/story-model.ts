// Path of the embedded model, for tests.
import { join } from "node:path";

export const storyModel: string = join(import.meta.dirname, "../../../../models/waggle-tiny-stories.gguf");
