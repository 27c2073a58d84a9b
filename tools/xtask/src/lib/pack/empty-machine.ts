// Imitates a machine on which nothing was ever installed: empty folders, no registry, no user settings.
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";

export interface EmptyMachine extends Disposable {
  readonly env: NodeJS.ProcessEnv;
  /** The folder with the commands of global packages. */
  readonly bin: string;
  readonly prefix: string;
  /** Runs a command and returns its output. @throws Error with the output when the command fails or exceeds the limit */
  run(file: string, args: readonly string[], limitMs: number): Promise<string>;
  /** All files in the home, prefix and temporary folders, except npm's cache. Paths are relative to the machine's root. */
  files(): readonly string[];
}

/** The address of the registry. No server listens there, so that a request for a package fails at once. */
const nowhere = "http://127.0.0.1:9/";
const systemFolders = ["/usr/local/bin", "/usr/bin", "/bin"];
const shownChars = 2_000;

export function createEmptyMachine(): EmptyMachine {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "waggle-install-")));
  const folder = (name: string): string => join(root, name);
  for (const name of ["home", "prefix", "tmp"]) mkdirSync(folder(name));
  const env: NodeJS.ProcessEnv = {
    HOME: folder("home"),
    TMPDIR: folder("tmp"),
    PATH: [folder("prefix/bin"), dirname(process.execPath), ...systemFolders].join(delimiter),
    NO_COLOR: "1",
    npm_config_cache: folder("npm-cache"),
    npm_config_prefix: folder("prefix"),
    npm_config_registry: nowhere,
    npm_config_update_notifier: "false",
  };
  return {
    env,
    bin: folder("prefix/bin"),
    prefix: folder("prefix"),
    async run(file, args, limitMs) {
      const options = {
        env,
        extendEnv: false,
        // No input, so that a command that reads stdin does not wait.
        stdin: "ignore",
        cwd: folder("home"),
        all: true,
        reject: false,
        timeout: limitMs,
      } as const;
      const { exitCode, all, shortMessage } = await execa(file, args, options);
      if (exitCode !== 0) throw new Error(`${shortMessage}\n${(all ?? "").slice(-shownChars)}`);
      return all ?? "";
    },
    files: () => ["home", "prefix", "tmp"].flatMap((name) => filesBelow(folder(name), name)),
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true }),
  };
}

function filesBelow(folder: string, name: string): readonly string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).flatMap((entry) => {
    const path = join(folder, entry);
    return lstatSync(path).isDirectory() ? filesBelow(path, `${name}/${entry}`) : [`${name}/${entry}`];
  });
}
