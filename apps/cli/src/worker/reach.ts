// Finds a running worker: at the given address, or else at the default address.
import { createWorkerClient, type WorkerClient } from "@waggle/client";
import { WaggleError, type WorkerInfo } from "@waggle/protocol";
import { CliError, exitCodes } from "../cli-error.ts";
import type { Context } from "../command.ts";

export interface Reached {
  readonly url: string;
  readonly client: WorkerClient;
  readonly info: WorkerInfo;
}

/**
 * Undefined only when no address is given and the default address refuses connections, which means that no worker runs. A worker that is too busy to
 * answer counts as running, because its model is still in memory.
 * @param url the value of `--url`
 * @throws CliError when the worker does not answer for another reason, WaggleError when it rejects the token
 */
export async function findWorker(context: Context, url: string | undefined): Promise<Reached | undefined> {
  const address = url ?? context.config.url;
  const given = isAddressGiven(context, url);
  const { token } = context.config;
  const options = { baseUrl: address, ...(token === undefined ? {} : { token }) };
  const client = createWorkerClient(options);
  try {
    return { url: address, client, info: await client.info({ signal: context.signal }) };
  } catch (error) {
    if (!(error instanceof WaggleError)) throw error;
    if (error.code === "unauthenticated") throw error;
    if (!given && isRefused(error)) return undefined;
    const reason = error.message.replace(/\.$/, "");
    const message = reason.startsWith("Cannot reach") ? reason : `Cannot use the worker at ${address}: ${reason}`;
    const hive = given && error.code === "not_found" ? " If it is a hive, name one of its workers with --url." : "";
    throw new CliError(`${message}. ${remedyOf(error, given)}${hive}`, exitCodes.unavailable, { cause: error });
  }
}

function remedyOf({ code, details }: WaggleError, given: boolean): string {
  // The server answered, under another host name than its own.
  const url = details?.["url"];
  if (code === "forbidden") return `Name its address with --url${typeof url === "string" ? ` ${url}` : ""}.`;
  return given ? "Is a worker running there?" : 'If a worker is busy there, try again; "--url" names another one.';
}

/** Whether the user names a worker. If not, a command may also use the models of this machine without that worker. */
export function isAddressGiven({ config }: Context, url: string | undefined): boolean {
  return url !== undefined || config.urlGiven;
}

/** Whether the connection was refused, so that no process listens at the address. */
function isRefused(error: WaggleError): boolean {
  const failed = error.cause instanceof Error ? error.cause.cause : undefined;
  return (failed as NodeJS.ErrnoException | undefined)?.code === "ECONNREFUSED";
}

/** @throws CliError with the remedy when no worker runs */
export async function needWorker(context: Context, url: string | undefined): Promise<Reached> {
  const found = await findWorker(context, url);
  if (found !== undefined) return found;
  throw noWorker(context);
}

/** @returns the error with the remedy when no worker runs */
function noWorker({ config }: Context): CliError {
  return new CliError(
    `No worker answers at ${config.url}. Start one with "waggle serve", or name another with --url.`,
    exitCodes.unavailable,
  );
}
