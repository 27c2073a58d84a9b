// Owns a place that is like a machine on which nothing was ever installed: separate folders, no registry to ask, no setting of anybody's.
import { existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { execa } from "execa";

export interface EmptyMachine extends Disposable {
  readonly env: NodeJS.ProcessEnv;
  /** Where npm puts a global package's commands. */
  readonly bin: string;
  readonly prefix: string;
  /** Its output. @throws Error with that output when it fails or takes longer than the limit */
  run(file: string, args: readonly string[], limitMs: number): Promise<string>;
  /** Every file below home, prefix and the temporary folder, from the root; npm's own cache is npm's. */
  files(): readonly string[];
}

/** No server listens there: a request for a package fails at once. */
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
        // Nothing is typed: a command that reads what is piped in must not wait for it.
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
