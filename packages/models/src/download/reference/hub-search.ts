// Searches the hub for repositories with GGUF models.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { DownloadError } from "../transfer/download-error.ts";
import { hubCredentials, openUrl, readJson } from "../transfer/open-url.ts";
import type { HubFilesOptions } from "./hub-files.ts";
import { defaultEndpoint } from "./parse-reference.ts";

/** Maximum number of repositories of an answer. */
const mostFound = 30;
const timeoutMs = 20_000;
/** `user/repo`, without names that mean folders. */
const repositoryName = /^(?!\.+\/)[\w.-]{1,100}\/(?!\.+$)[\w.-]{1,100}$/;

export interface HubRepository {
  /** `hf:user/repo`. */
  readonly reference: string;
  /** Downloads of the last month. */
  readonly downloads: number;
  readonly likes: number;
  /** Whether the hub wants a token of an account that has accepted the model's terms. */
  readonly gated: boolean;
}

/**
 * Finds repositories by name, most downloaded first.
 * @throws WaggleError unavailable if the hub's answer is missing or invalid, with a message that does not contain the query; the signal's reason
 *   when it aborts
 */
export async function searchHub(query: string, options: HubFilesOptions = {}): Promise<readonly HubRepository[]> {
  const { endpoint = defaultEndpoint, token } = options;
  const url = new URL(`${endpoint.replace(/\/*$/, "/")}api/models`);
  url.search = new URLSearchParams({
    search: query,
    filter: "gguf",
    sort: "downloads",
    direction: "-1",
    limit: String(mostFound),
  }).toString();
  using limit = deadlineSignal(timeoutMs);
  using signal = linkSignals(options.signal, limit.signal);
  try {
    const { response } = await openUrl(url.href, { credentials: hubCredentials(token, endpoint), signal });
    const found = repositoriesIn(await readJson(response, "the hub's answer", signal));
    return found.slice(0, mostFound).toSorted((one, other) => other.downloads - one.downloads);
  } catch (error) {
    options.signal?.throwIfAborted();
    const message = `Cannot search for models: ${(error as Error).message}`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

interface Entry {
  readonly id?: unknown;
  readonly downloads?: unknown;
  readonly likes?: unknown;
  readonly gated?: unknown;
}

function repositoriesIn(entries: unknown): readonly HubRepository[] {
  if (!Array.isArray(entries)) throw new DownloadError("the hub's answer is not a list");
  return entries.flatMap((entry: Entry | null) => {
    const { id, downloads, likes, gated } = entry ?? {};
    if (typeof id !== "string" || !repositoryName.test(id)) return [];
    return [
      {
        reference: `hf:${id}`,
        downloads: countIn(downloads),
        likes: countIn(likes),
        gated: gated !== undefined && gated !== false,
      },
    ];
  });
}

function countIn(value: unknown): number {
  return typeof value === "number" && Number.isSafeInteger(value) && value >= 0 ? value : 0;
}
