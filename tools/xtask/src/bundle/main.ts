// Owns the build of a folder: `main.ts apps/worker` bundles the program or the threads of apps/worker into apps/worker/dist/.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./bundle.ts";
import { placeInWorkspace } from "./places.ts";
import { programs, threads } from "./programs.ts";

const root = fileURLToPath(new URL("../../../../", import.meta.url));
const [folder = ""] = process.argv.slice(2);
const all = [...programs, ...threads];
const program = all.find((one) => one.folder === folder);
if (program === undefined)
  throw new Error(`Cannot build ${folder}: choose one of ${all.map((one) => one.folder).join(", ")}`);

// The names of chunks contain a hash, so a build would not overwrite old chunks.
await rm(join(root, folder, "dist"), { recursive: true, force: true });
await bundle({ root, outFolder: root, program, placeOf: placeInWorkspace, sourceMaps: true });
