// Imitates the machine of a new reader: an empty home, the commands of the system and of the installed package, no user settings.
import { existsSync, mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { shapeNamed, writeRandomModel, writeScriptedModel } from "@waggle/testing/models";
import { llamaTemplates } from "@waggle/chat-format/testing/llama-templates";
import { execa } from "execa";
import type { BlockPlace } from "./terminal.ts";

export interface Newcomer extends Disposable {
  /** Makes the folder in which a page is run. @param clone whether the folder is a clone of the repository's last commit instead of empty */
  place(name: string, clone: boolean): Promise<BlockPlace>;
  /** The folder into which `npm install -g` installs commands. */
  readonly bin: string;
  has(command: string): boolean;
  /** Runs a command to prepare the machine. @throws Error with its output */
  prepare(file: string, args: readonly string[]): Promise<void>;
  /**
   * Writes a made-up model to the path to which `waggle pull` would download this reference, or to a path that begins with `~/`. The model is a
   * reranker or an embedding model if the reference has one of these words. Disposing deletes the model.
   */
  standIn(reference: string): Disposable;
}

export interface NewcomerOptions {
  readonly repository: string;
  readonly onLeader: BlockPlace["onLeader"];
}

const prepareLimitMs = 300_000;
const systemFolders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];
/** The settings of npm and pip for their registries on this machine; all other settings are dropped. */
const registrySettings = /^(PIP_|NODE_EXTRA_CA_CERTS$|SSL_CERT_FILE$|https?_proxy$|no_proxy$|npm_config_registry$)/i;

/** pip finds no settings in the reader's empty home, so this variable names the user's settings file, which sets the package index. */
function pipSettings(): NodeJS.ProcessEnv {
  const file = join(homedir(), ".config/pip/pip.conf");
  return existsSync(file) ? { PIP_CONFIG_FILE: file } : {};
}

export async function createNewcomer({ repository, onLeader }: NewcomerOptions): Promise<Newcomer> {
  const root = realpathSync(mkdtempSync(join(tmpdir(), "waggle-pages-")));
  const folder = (...names: readonly string[]): string => join(root, ...names);
  for (const name of ["home", "prefix/bin", "tmp", "run", "work", "state"])
    mkdirSync(folder(name), { recursive: true });
  const { stdout: registry } = await execa("npm", ["config", "get", "registry"], { cwd: root, stderr: "ignore" });
  const inherited = (process.env["PATH"] ?? "").split(delimiter).filter((path) => !path.includes("node_modules"));
  const path = [folder("prefix/bin"), dirname(process.execPath), ...systemFolders, ...inherited];
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(Object.entries(process.env).filter(([name]) => registrySettings.test(name))),
    HOME: folder("home"),
    TMPDIR: folder("tmp"),
    XDG_RUNTIME_DIR: folder("run"),
    LANG: "C.UTF-8",
    TERM: "xterm-256color",
    PATH: [...new Set(path)].join(delimiter),
    ...pipSettings(),
    npm_config_prefix: folder("prefix"),
    npm_config_registry: registry.trim(),
    npm_config_update_notifier: "false",
  };
  return {
    bin: folder("prefix/bin"),
    async place(name, clone) {
      const [work, state] = [folder("work", name), folder("state", name)];
      mkdirSync(state, { recursive: true });
      if (clone) await execa("git", ["clone", "--quiet", `file://${repository}`, work]);
      else mkdirSync(work, { recursive: true });
      return { env, folder: work, stateFolder: state, onLeader };
    },
    has: (command) => (env["PATH"] as string).split(delimiter).some((one) => existsSync(join(one, command))),
    async prepare(file, args) {
      const options = {
        env,
        extendEnv: false,
        cwd: folder("work"),
        stdin: "ignore",
        all: true,
        reject: false,
      } as const;
      const { failed, all, shortMessage } = await execa(file, args, { ...options, timeout: prepareLimitMs });
      if (failed) throw new Error(`${shortMessage}\n${all}`);
    },
    standIn(reference) {
      const file = reference.startsWith("~/")
        ? folder("home", reference.slice(2))
        : folder("home/.cache/waggle/models", referenceFile(reference));
      mkdirSync(dirname(file), { recursive: true });
      const encoder = /rerank|embed/i.exec(file)?.[0].toLowerCase();
      if (encoder === undefined) writeStandIn(file);
      else writeRandomModel(shapeNamed(encoder), file);
      return { [Symbol.dispose]: () => rmSync(file, { force: true }) };
    },
    [Symbol.dispose]: () => rmSync(root, { recursive: true, force: true, maxRetries: 3 }),
  };
}

/** The file name that `waggle pull` would use. @throws Error for a reference that is not hf:user/repo-GGUF:quantization */
function referenceFile(reference: string): string {
  const [, user, repo, quantization] = /^hf:([\w.-]+)\/([\w.-]+)-GGUF:(\w+)$/.exec(reference) ?? [];
  if (user === undefined)
    throw new Error(`Cannot make up a model for ${reference}: it must be hf:user/repo-GGUF:quantization`);
  return `hf_${user}_${repo}.${quantization}.gguf`;
}

/** Context of the made-up model: agents' first prompts have up to 90,000 bytes, and each byte is a token. */
const context = 131_072;
const answer = "Hello from the stand-in. ";

/** Writes a model that gives the same words to every prompt, because its output depends only on the position. */
function writeStandIn(path: string): void {
  const template = llamaTemplates().get("Qwen-Qwen3-0.6B");
  if (template === undefined) throw new Error("Cannot make up a model: llama.cpp has no template of Qwen3");
  const script = Array.from({ length: Math.floor(context / (answer.length + 1)) }, (_, index) => ({
    at: 1 + index * (answer.length + 1),
    say: answer,
  }));
  writeScriptedModel({ path, template, context, script });
}
