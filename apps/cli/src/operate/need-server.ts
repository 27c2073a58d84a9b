// Finds the servers that a command of an operator asks: a worker, a gateway, or all workers of a hive.
import { createHiveClient, createWorkerClient, type HiveClient, type WorkerClient } from "@waggle/client";
import { errorReason } from "@waggle/daemon/terminal";
import { WaggleError, type HiveWorker } from "@waggle/protocol";
import { CliError, exitCodes, failureOf } from "../cli-error.ts";
import type { Context } from "../command.ts";
import { needWorker } from "../worker/reach.ts";

export interface Server {
  /** The worker's id at the hive; undefined if the address is a worker's or a gateway's. */
  readonly worker: string | undefined;
  readonly client: WorkerClient;
}

/** @throws CliError also when the hive has no worker */
export async function findServers(context: Context, url: string | undefined): Promise<readonly Server[]> {
  try {
    return [{ worker: undefined, client: (await needWorker(context, url)).client }];
  } catch (error) {
    const { token, url: usual } = context.config;
    const workers = await workersOfHive(context, url, error);
    const here = workers.filter(({ liveness }) => liveness !== "gone");
    if (here.length === 0) throw new CliError(`The hive ${url ?? usual} has no worker.`, exitCodes.unavailable);
    return here.map((worker) => ({
      worker: worker.worker_id,
      client: createWorkerClient({ baseUrl: worker.url, token }),
    }));
  }
}

export interface Answer<T> {
  readonly worker: string | undefined;
  readonly answer: T;
}

/**
 * Asks all servers at the same time. Prints a sentence for each worker of a hive that does not answer or refuses, unless all do.
 * @throws WaggleError of the server, or CliError with the sentence of a hive's first worker, when no server answers
 */
export async function askServers<T, S extends Pick<Server, "worker">>(
  { err, signal }: Context,
  servers: readonly S[],
  ask: (server: S) => Promise<T>,
): Promise<readonly Answer<T>[]> {
  const asked = await Promise.allSettled(servers.map(ask));
  signal.throwIfAborted();
  const [first] = asked;
  if (first?.status === "rejected" && asked.every(({ status }) => status === "rejected")) {
    const [server] = servers;
    if (server?.worker === undefined) throw first.reason;
    throw new CliError(failureWords(server, first.reason), failureOf(first.reason).exitCode, { cause: first.reason });
  }
  return servers.flatMap((server, at): readonly Answer<T>[] => {
    const result = asked[at];
    if (result?.status === "fulfilled") return [{ worker: server.worker, answer: result.value }];
    err.write(`${failureWords(server, result?.reason)}\n`);
    return [];
  });
}

/** A hive's worker checks the token itself, so its refusal must not look like the hive's. */
function failureWords({ worker = "The server" }: Pick<Server, "worker">, reason: unknown): string {
  const why = errorReason(reason).replace(/\.$/, "");
  if (!(reason instanceof WaggleError) || reason.code === "unavailable") return `${worker} does not answer: ${why}.`;
  const remedy =
    reason.code === "unauthenticated"
      ? " The token in WAGGLE_API_TOKEN goes to the hive and to its workers, and all must know it."
      : "";
  return `${worker} refuses: ${why}.${remedy}`;
}

/** The JSON of one server's answer; of a hive's workers, a list with their ids. */
export function jsonOf<T extends object>(answers: readonly Answer<T>[]): string {
  const [first] = answers;
  const shown =
    first !== undefined && first.worker === undefined
      ? first.answer
      : { workers: answers.map(({ worker, answer }) => ({ worker_id: worker, ...answer })) };
  return `${JSON.stringify(shown, undefined, 2)}\n`;
}

/** The column with the worker's id, and its cells: none for a single server. */
export function workerColumn(answers: readonly Answer<unknown>[]): readonly { readonly title: string }[] {
  return answers.some(({ worker }) => worker !== undefined) ? [{ title: "WORKER" }] : [];
}

export function workerCell({ worker }: Answer<unknown>): readonly string[] {
  return worker === undefined ? [] : [worker];
}

export function hiveAt({ config }: Context, url: string | undefined): HiveClient {
  return createHiveClient({ baseUrl: url ?? config.url, token: config.token });
}

/**
 * The workers of the hive at an address without a worker.
 * @param noWorker the error of the search for a worker @throws `noWorker` when the address has no hive either
 */
export async function workersOfHive(
  context: Context,
  url: string | undefined,
  noWorker: unknown,
): Promise<readonly HiveWorker[]> {
  if (!isUnknownRoute(noWorker)) throw noWorker;
  return await hiveAt(context, url)
    .workers({ signal: context.signal })
    .catch((error: unknown) => {
      throw isUnknownRoute(error) ? noWorker : error;
    });
}

/** Whether the server has no such route, as a hive that is asked for a worker's route. */
function isUnknownRoute(error: unknown): boolean {
  const cause = error instanceof CliError ? error.cause : error;
  return cause instanceof WaggleError && cause.code === "not_found";
}
