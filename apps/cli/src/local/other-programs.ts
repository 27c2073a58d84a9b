// Finds the models that Ollama and LM Studio have downloaded, so that commands can offer to serve them where they are. It changes nothing.
import { realpath } from "node:fs/promises";
import { findOllamaModels, nameOfFile, scanFolder, uniqueName } from "@waggle/models/download";
import { modelCardOf, readGgufFile, type GgufHeader } from "@waggle/models/header";
import type { CliConfig, ProgramFolder } from "../config.ts";
import { listDownloads } from "./downloads.ts";

/** Models whose headers are read: a header has up to 20 MB. */
const mostModels = 50;

export interface OtherModel {
  readonly program: ProgramFolder["program"];
  /** As its program calls the model, or by its file's name. */
  readonly name: string;
  readonly bytes: number;
  /** What Waggle can do with it, or why it cannot serve it. */
  readonly use: { readonly words: string; readonly command: string } | { readonly problem: string };
}

export interface OtherModels {
  readonly models: readonly OtherModel[];
  /** Number of models that were left out at the limit. */
  readonly leftOut: number;
  /** Folders that this user may not read. */
  readonly unreadable: readonly string[];
}

interface Candidate {
  readonly program: ProgramFolder["program"];
  readonly name: string;
  readonly path: string | undefined;
  readonly bytes: number;
  readonly problem?: string | undefined;
  /** The arguments of `waggle serve`. */
  readonly words: readonly string[];
}

/** @throws the signal's reason when it aborts */
export async function findOtherModels(config: CliConfig, signal: AbortSignal): Promise<OtherModels> {
  const downloads = (await listDownloads(config)).map(({ path }) => path);
  const candidates: Candidate[] = [];
  const unreadable: string[] = [];
  const seen = new Set<string>();
  for (const folder of config.programFolders) {
    try {
      const real = await realpath(folder.path);
      if (seen.has(real)) continue;
      seen.add(real);
      candidates.push(...(folder.program === "Ollama" ? await ofOllama(folder) : await ofLmStudio(folder, downloads)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === "EACCES") unreadable.push(folder.path);
    }
  }
  const models: OtherModel[] = [];
  for (const candidate of candidates.slice(0, mostModels)) models.push(await describe(candidate, signal));
  return { models, leftOut: Math.max(0, candidates.length - mostModels), unreadable };
}

async function ofOllama({ program, path: folder }: ProgramFolder): Promise<readonly Candidate[]> {
  return (await findOllamaModels(folder)).map(({ name, path, bytes, projector, problem }) => {
    // Blobs have no names, so the command names the model.
    const served = uniqueName(nameOfFile(name.replace(/:latest$/, "")).replaceAll(":", "-"), new Set());
    const projectorFlag = projector === undefined ? [] : ["--mmproj", projector];
    return { program, name, path, bytes, problem, words: [`${served}=${path}`, ...projectorFlag] };
  });
}

async function ofLmStudio({ program, path }: ProgramFolder, except: readonly string[]): Promise<readonly Candidate[]> {
  return (await scanFolder(path, { except })).map((model) => ({ program, ...model, words: [model.path] }));
}

const uses = { generate: "text", embed: "embeddings", rerank: "reranking" } as const;

async function describe({ program, name, path, bytes, problem, words }: Candidate, signal: AbortSignal) {
  const useOf = async (): Promise<OtherModel["use"]> => {
    if (path === undefined) return { problem: problem ?? "it has no file" };
    try {
      const header = await readGgufFile(path, { signal });
      const { kind, problem: why } = modelCardOf(header);
      if (kind === undefined) return { problem: why ?? "its use is unknown" };
      if (hasEncoder(header))
        return { problem: "its file also has the encoder of pictures, which llama.cpp does not load" };
      return { words: uses[kind], command: ["waggle serve", ...words.map(shellWord)].join(" ") };
    } catch (error) {
      signal.throwIfAborted();
      return { problem: (error as Error).message };
    }
  };
  return { program, name, bytes, use: await useOf() };
}

/** Ollama writes the encoder into the file of some models. llama.cpp wants it in a separate file, and refuses tensors that it does not know. */
function hasEncoder({ tensors }: GgufHeader): boolean {
  return tensors.some(({ name }) => /^(?:v|a|mm)\./.test(name));
}

/** Quotes a word for a POSIX shell if it has to be quoted. */
function shellWord(word: string): string {
  return /^[\w./:=+@%-]+$/.test(word) ? word : `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
