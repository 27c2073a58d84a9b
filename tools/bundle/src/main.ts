// The build of a program: `main.ts worker` puts few files into the program's dist/ instead of one for each module. Nothing else is read.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { bundle } from "./lib/bundle.ts";
import { placeInWorkspace } from "./lib/places.ts";
import { programs } from "./lib/programs.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));
const [name = ""] = process.argv.slice(2);
const program = programs.find((one) => one.name === name);
if (program === undefined)
  throw new Error(`Cannot build ${name}: there are ${programs.map((one) => one.name).join(", ")}`);

// A chunk has a hash in its name, and an old one would stay.
await rm(join(root, program.folder, "dist"), { recursive: true, force: true });
await bundle({ root, outFolder: root, program, placeOf: placeInWorkspace, sourceMaps: true });
