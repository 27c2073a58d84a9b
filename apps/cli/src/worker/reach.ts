// Owns how a worker that runs is found: at the address that somebody gave, or else at this machine's usual one.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { WaggleError, type WorkerInfo } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";

/** For a worker on this machine to say that it is there; one that computes answers within a step. */
const lookTimeoutMs = 3_000;

export interface Reached {
  readonly url: string;
  readonly client: WorkerClient;
  readonly info: WorkerInfo;
}

/**
 * Undefined when nobody has given an address and no worker is at the usual one.
 * @param url what `--url` says
 * @throws CliError when somebody has given an address and no worker answers there, or it does not let us in
 */
export async function findWorker(context: Context, url: string | undefined): Promise<Reached | undefined> {
  const address = url ?? context.config.url;
  const given = url !== undefined || context.config.urlGiven;
  const { token } = context.config;
  const options = { baseUrl: address, ...(token === undefined ? {} : { token }) };
  const looking = createWorkerClient({ ...options, requestTimeoutMs: lookTimeoutMs });
  try {
    const info = await looking.info({ signal: context.signal });
    return { url: address, client: createWorkerClient(options), info };
  } catch (error) {
    if (!(error instanceof WaggleError)) throw error;
    if (error.code === "unauthenticated") throw error;
    if (!given) return undefined;
    throw new CliError(`${error.message}. Is a worker running there?`, exitCodes.unavailable, { cause: error });
  }
}

/** @throws CliError with what to do when there is none */
export async function needWorker(context: Context, url: string | undefined): Promise<Reached> {
  const found = await findWorker(context, url);
  if (found !== undefined) return found;
  throw new CliError(
    `No worker answers at ${context.config.url}. Start one with "waggle serve", or name another with --url.`,
    exitCodes.unavailable,
  );
}
