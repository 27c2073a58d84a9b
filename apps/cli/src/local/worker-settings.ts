// Owns what a worker of this machine would be told by the environment: folder, tokens and the like, read by the worker's own reader.
import { resolve } from "node:path";
import { scanFolder } from "@waggle/models";
import { readSettings } from "@waggle/worker";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Environment } from "../config.ts";
import { ownEnvironment } from "./own-environment.ts";

type Settings = Extract<Awaited<ReturnType<typeof readSettings>>, { kind: "run" }>["config"];

/** @throws CliError naming the variable that is wrong */
async function workerSettings(env: Environment, flags: readonly string[] = []): Promise<Settings> {
  const result = await readSettings(["--local-mode", ...flags], ownEnvironment(env));
  if (result.kind === "run") return result.config;
  throw new CliError(result.problems?.[0] ?? "", exitCodes.wrongUse);
}

/**
 * With what a model would be loaded.
 * @param flags in the worker's words
 * @throws CliError naming the flag or the variable that is wrong
 */
export async function modelSettings(
  env: Environment,
  flags: readonly string[] = [],
): Promise<Settings["modelSettings"]> {
  return (await workerSettings(env, flags)).modelSettings;
}

/** For the functions of @waggle/models. @throws CliError naming the variable that is wrong */
export async function hubOptions(env: Environment): Promise<{ readonly offline: boolean; readonly token?: string }> {
  const { offline, huggingFaceToken } = await workerSettings(env);
  return { offline, ...(huggingFaceToken === undefined ? {} : { token: huggingFaceToken }) };
}

/**
 * Files that a worker would serve and that Waggle has not downloaded: named one by one, or in the folder that it serves.
 * @param downloaded their paths
 * @returns none where the settings are wrong
 */
export async function ownModelFiles(env: Environment, downloaded: readonly string[]): Promise<readonly string[]> {
  const result = await readSettings([], env);
  if (result.kind !== "run") return [];
  const { models, modelsFolder, servesFolder } = result.config;
  const named = models
    .map(({ reference }) => reference)
    .filter((reference) => !/^(?:hf|ollama|https?):/i.test(reference))
    .map((path) => resolve(path));
  if (!servesFolder) return named;
  const lying = await scanFolder(modelsFolder, { except: [...downloaded, ...named] }).catch(() => []);
  return [...named, ...lying.map(({ path }) => path)];
}
