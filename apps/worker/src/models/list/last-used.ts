// Remembers which of the machine's models answered last, for the default of the next worker that is started without named models.
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

export interface LastUsed {
  /** Path of the model's file; undefined if no model was used, or the note is damaged. */
  read(): string | undefined;
  /** @param path of the file whose model got a job */
  note(path: string): void;
}

const fileName = "last-model.json";

/**
 * @param folder the state folder
 * @param modelsFolder files elsewhere are not noted, because a worker without named models does not offer them
 * @param embedded path of the embedded model
 */
export function createLastUsed({
  folder,
  modelsFolder,
  embedded,
}: {
  readonly folder: string;
  readonly modelsFolder: string;
  readonly embedded: string;
}): LastUsed {
  let noted: string | undefined;

  function read(): string | undefined {
    try {
      const { path } = JSON.parse(readFileSync(join(folder, fileName), "utf8")) as { readonly path?: unknown };
      return typeof path === "string" ? path : undefined;
    } catch {
      return undefined;
    }
  }

  return {
    read,
    note(path) {
      if (path === noted || (path !== embedded && relative(modelsFolder, path).startsWith(".."))) return;
      noted = path;
      // A few bytes, and only when another model is used: the jobs that follow wait for a millisecond at most.
      try {
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, fileName), JSON.stringify({ path }));
      } catch {
        // Without the note the next worker begins with the embedded model.
      }
    },
  };
}
