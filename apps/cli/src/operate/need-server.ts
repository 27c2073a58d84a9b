// Finds the worker or gateway that a command of an operator asks.
import { createHiveClient, type HiveClient } from "@waggle/client";
import { WaggleError } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { needWorker, type Reached } from "../worker/reach.ts";

/**
 * @param what such as "jobs": what a hive does not have
 * @throws CliError also when the address is a hive's, which names a worker or a gateway as the remedy
 */
export async function needServer(context: Context, url: string | undefined, what: string): Promise<Reached> {
  try {
    return await needWorker(context, url);
  } catch (error) {
    if (!isUnknownRoute(error) || !(await isHive(context, url))) throw error;
    const address = url ?? context.config.url;
    throw new CliError(
      `${address} is a hive, which has no ${what}. Name a worker or a gateway with --url.`,
      exitCodes.wrongUse,
    );
  }
}

export function hiveAt({ config }: Context, url: string | undefined): HiveClient {
  return createHiveClient({ baseUrl: url ?? config.url, token: config.token });
}

async function isHive(context: Context, url: string | undefined): Promise<boolean> {
  try {
    await hiveAt(context, url).workers({ signal: context.signal });
    return true;
  } catch (error) {
    context.signal.throwIfAborted();
    return error instanceof WaggleError && error.code === "forbidden";
  }
}

/** Whether the server has no such route. */
export function isUnknownRoute(error: unknown): boolean {
  const cause = error instanceof CliError ? error.cause : error;
  return cause instanceof WaggleError && cause.code === "not_found";
}
