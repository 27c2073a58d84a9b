// Reads the settings that a worker on this machine would take from the environment, with the worker's own parser.
import { readSettings } from "@waggle/worker";
import { engineSettingsOf } from "@waggle/worker/engine-settings";
import { wrongUse } from "../cli-error.ts";
import type { Environment } from "../config.ts";
import { ownEnvironment } from "./own-environment.ts";

type Settings = Extract<Awaited<ReturnType<typeof readSettings>>, { kind: "run" }>["config"];

/** @throws CliError naming the variable that is wrong */
async function workerSettings(env: Environment, flags: readonly string[] = []): Promise<Settings> {
  const result = await readSettings(["--local-mode", ...flags], ownEnvironment(env));
  if (result.kind === "run") return result.config;
  throw wrongUse(result.problems?.join(" ") ?? "");
}

/**
 * Returns the settings with which the worker would load a model, and what this machine has for it.
 * @param flags the worker's flags
 * @throws CliError naming the flag or the variable that is wrong
 */
export async function modelSettings(
  env: Environment,
  flags: readonly string[] = [],
): Promise<ReturnType<typeof engineSettingsOf>> {
  return engineSettingsOf((await workerSettings(env, flags)).modelSettings);
}

/**
 * Returns the options for downloads with @waggle/models.
 * @param hubUrl the value of `--hub-url` @throws CliError naming the flag or the variable that is wrong
 */
export async function hubOptions(
  env: Environment,
  hubUrl?: string,
): Promise<{ readonly offline: boolean; readonly token?: string; readonly endpoint: string; readonly mmproj: string }> {
  const {
    offline,
    hubUrl: endpoint,
    huggingFaceToken,
    modelSettings: settings,
  } = await workerSettings(env, hubUrl === undefined ? [] : ["--hub-url", hubUrl]);
  const { mmproj } = settings;
  return { offline, endpoint, mmproj, ...(huggingFaceToken === undefined ? {} : { token: huggingFaceToken }) };
}
