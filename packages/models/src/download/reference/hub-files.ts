// Lists the GGUF files of a Hugging Face repository, with their quantizations and sizes.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { DownloadError, shownReference } from "../transfer/download-error.ts";
import { allParts } from "../folder/model-names.ts";
import type { ReadModelHeaderOptions } from "../folder/read-header.ts";
import { hubCredentials, openUrl, readText, type Credentials, type Opened } from "../transfer/open-url.ts";
import { sumOf } from "./find-present.ts";
import { defaultEndpoint, parseReference } from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";

const maxPages = 20;
const maxPageBytes = 8 << 20;
const timeoutMs = 60_000;

export type HubFilesOptions = Pick<ReadModelHeaderOptions, "token" | "endpoint" | "signal">;

export interface HubModelFile {
  /** `hf:user/repo/path`. */
  readonly reference: string;
  /** Path of the first part within the repository. */
  readonly path: string;
  /** Quantization in the file's name. */
  readonly quantization: string | undefined;
  /** Bytes of all parts. */
  readonly bytes: number;
  readonly parts: number;
  /** SHA-256 of the file; undefined for a split model. */
  readonly sha256: string | undefined;
}

interface TreeFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/**
 * Lists the models of a repository, smallest first; a split model is one entry. Image projectors and importance matrices are left out.
 * @param reference `hf:user/repo`; a tag is ignored
 * @throws WaggleError invalid_argument if the reference does not name a repository; unavailable if the hub's answer is missing or invalid; the
 *   signal's reason when it aborts
 */
export async function listHubFiles(reference: string, options: HubFilesOptions = {}): Promise<readonly HubModelFile[]> {
  const { endpoint = defaultEndpoint, token, signal } = options;
  const target = parseReference(reference, endpoint);
  if (target.kind !== "tag") {
    throw new WaggleError("invalid_argument", `Cannot list ${shownReference(reference)}: hf:user/repo is wanted`);
  }
  const { user, repo } = target;
  const credentials = hubCredentials(token, endpoint);
  try {
    const words = ["api", "models", user, repo, "tree", "main"].map(encodeURIComponent).join("/");
    const files = await readTree(`${endpoint.replace(/\/*$/, "/")}${words}?recursive=true`, credentials, signal);
    return modelsAmong(files, `hf:${user}/${repo}`);
  } catch (error) {
    signal?.throwIfAborted();
    const message = `Cannot list ${shownReference(reference)}: ${(error as Error).message}`;
    throw new WaggleError("unavailable", message, { cause: error });
  }
}

async function readTree(
  url: string,
  credentials: Credentials | undefined,
  outer: AbortSignal | undefined,
): Promise<readonly TreeFile[]> {
  using limit = deadlineSignal(timeoutMs);
  using signal = linkSignals(outer, limit.signal);
  const files: TreeFile[] = [];
  let next: string | undefined = url;
  for (let page = 0; next !== undefined; page++) {
    if (page === maxPages) throw new DownloadError(`the list of files is longer than ${maxPages} pages`);
    const opened: Opened = await openUrl(next, { credentials, signal });
    files.push(...filesIn(await readText(opened.response, maxPageBytes, signal)));
    next = nextPage(opened.response, next);
  }
  return files;
}

/** URL in the header `Link: <…>; rel="next"`. URLs of other origins are ignored, because the request has the user's token. */
function nextPage({ headers }: Response, from: string): string | undefined {
  const link = /<([^>]+)>\s*;\s*rel="next"/.exec(headers.get("link") ?? "")?.[1];
  if (link === undefined || !URL.canParse(link, from)) return undefined;
  const next = new URL(link, from);
  return next.origin === new URL(from).origin ? next.href : undefined;
}

function filesIn(text: string): readonly TreeFile[] {
  let entries: unknown;
  try {
    entries = JSON.parse(text);
  } catch (error) {
    throw new DownloadError("the hub's list of files is not JSON", { cause: error });
  }
  if (!Array.isArray(entries)) throw new DownloadError("invalid file list from the hub");
  return entries.flatMap((entry: Entry | null) => {
    if (entry === null || typeof entry !== "object") return [];
    const { type, path, size, lfs } = entry;
    if (type !== "file" || typeof path !== "string" || typeof size !== "number") return [];
    const oid = lfs?.oid;
    return [{ path, bytes: size, sha256: typeof oid === "string" && /^[\da-f]{64}$/.test(oid) ? oid : undefined }];
  });
}

interface Entry {
  readonly type?: unknown;
  readonly path?: unknown;
  readonly size?: unknown;
  readonly lfs?: { readonly oid?: unknown };
}

function modelsAmong(files: readonly TreeFile[], repository: string): readonly HubModelFile[] {
  const byPath = new Map(files.map((file) => [file.path, file]));
  const models: HubModelFile[] = [];
  for (const { path } of files) {
    const parts = allParts(path);
    const name = path.split("/").at(-1) ?? path;
    if (!/\.gguf$/i.test(name) || /^mmproj|imatrix/i.test(name) || parts[0] !== path) continue;
    const found = parts.map((part) => byPath.get(part));
    // A model with a missing part cannot be loaded.
    if (found.includes(undefined)) continue;
    models.push({
      reference: `${repository}/${path}`,
      path,
      quantization: quantizationIn(name),
      bytes: sumOf(found.map((part) => part?.bytes)),
      parts: parts.length,
      sha256: parts.length === 1 ? found[0]?.sha256 : undefined,
    });
  }
  return models.sort((one, other) => one.bytes - other.bytes);
}
