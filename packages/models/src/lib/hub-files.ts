// Owns the list of a Hugging Face repository's GGUF files: which quantizations it has, and how large they are.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { DownloadError } from "./download-error.ts";
import { allParts } from "./model-names.ts";
import { openUrl, readBody, type Credentials, type Opened } from "./open-url.ts";
import { parseReference } from "./parse-reference.ts";
import { quantizationIn } from "./quantizations.ts";
import { shownReference } from "./shown-reference.ts";

const defaultEndpoint = "https://huggingface.co/";
const maxPages = 20;
const maxPageBytes = 8 << 20;
const timeoutMs = 60_000;

export interface HubFilesOptions {
  readonly token?: string | undefined;
  readonly endpoint?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

export interface HubModelFile {
  /** `hf:user/repo/path`, which every function here that takes a reference takes. */
  readonly reference: string;
  /** Of the first part, within the repository. */
  readonly path: string;
  /** As its name tells it. */
  readonly quantization: string | undefined;
  /** Of all parts. */
  readonly bytes: number;
  readonly parts: number;
  /** Of a file that is whole. */
  readonly sha256: string | undefined;
}

interface TreeFile {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/**
 * The models of a repository, the smallest first; split ones as one. What only goes with a model (a projector for pictures, an importance
 * matrix) is left out.
 * @param reference `hf:user/repo`; a tag behind it does not matter
 * @throws WaggleError invalid_argument when it names no repository; unavailable when the hub cannot be asked; the signal's reason when it aborts
 */
export async function listHubFiles(reference: string, options: HubFilesOptions = {}): Promise<readonly HubModelFile[]> {
  const { endpoint = defaultEndpoint, token, signal } = options;
  const target = parseReference(reference, endpoint);
  if (target.kind !== "tag") {
    throw new WaggleError("invalid_argument", `Cannot list ${shownReference(reference)}: hf:user/repo is wanted`);
  }
  const { user, repo } = target;
  const credentials =
    token === undefined ? undefined : { origin: new URL(endpoint).origin, authorization: `Bearer ${token}` };
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
    if (page === maxPages) throw new DownloadError(`its list of files is longer than ${maxPages} pages`);
    const opened: Opened = await openUrl(next, { credentials, signal });
    files.push(...filesIn(await readText(opened.response, signal)));
    next = nextPage(opened.response, next);
  }
  return files;
}

/** `Link: <…>; rel="next"`, and only within the same origin: the token goes with it. */
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
  if (!Array.isArray(entries)) throw new DownloadError("the hub's list of files is none");
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
    // With a part missing it cannot be loaded.
    if (found.includes(undefined)) continue;
    models.push({
      reference: `${repository}/${path}`,
      path,
      quantization: quantizationIn(name),
      bytes: found.reduce((total, part) => total + (part?.bytes ?? 0), 0),
      parts: parts.length,
      sha256: parts.length === 1 ? found[0]?.sha256 : undefined,
    });
  }
  return models.sort((one, other) => one.bytes - other.bytes);
}

async function readText(response: Response, signal: AbortSignal): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of readBody(response, signal)) {
    size += piece.length;
    if (size > maxPageBytes) throw new DownloadError(`a page of the hub is larger than ${maxPageBytes} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString();
}
