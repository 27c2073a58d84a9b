// Reads the list of all files of a Hugging Face repository.
import { deadlineSignal, linkSignals } from "@waggle/async";
import { DownloadError } from "../transfer/download-error.ts";
import { openUrl, readJson, type Credentials, type Opened } from "../transfer/open-url.ts";
import type { HubFile } from "./parse-reference.ts";

const maxPages = 20;
const maxFiles = 20_000;
/** Longer paths are left out: no file system has names that long, and the patterns for names would take long. */
const maxPathChars = 1_024;
const maxNameChars = 255;
const timeoutMs = 60_000;

export interface TreeFile {
  /** Path within the repository. */
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string | undefined;
}

/** @throws DownloadError if the hub's answer is missing, invalid or too long; the signal's reason when it aborts */
export async function readHubTree(
  { endpoint, user, repo, branch }: Omit<HubFile, "path">,
  credentials: Credentials | undefined,
  outer: AbortSignal | undefined,
): Promise<readonly TreeFile[]> {
  const words = ["api", "models", user, repo, "tree", branch].map(encodeURIComponent).join("/");
  using limit = deadlineSignal(timeoutMs);
  using signal = linkSignals(outer, limit.signal);
  const files: TreeFile[] = [];
  let next: string | undefined = `${endpoint.replace(/\/*$/, "/")}${words}?recursive=true`;
  for (let page = 0; next !== undefined; page++) {
    if (page === maxPages) throw new DownloadError(`the list of files is longer than ${maxPages} pages`);
    const opened: Opened = await openUrl(next, { credentials, signal });
    for (const file of filesIn(await readJson(opened.response, "the hub's list of files", signal))) files.push(file);
    if (files.length > maxFiles) throw new DownloadError(`the list has more than ${maxFiles} files`);
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

function filesIn(entries: unknown): readonly TreeFile[] {
  if (!Array.isArray(entries)) throw new DownloadError("invalid file list from the hub");
  return entries.flatMap((entry: Entry | null) => {
    if (entry === null || typeof entry !== "object") return [];
    const { type, path, size, lfs } = entry;
    if (type !== "file" || typeof path !== "string" || typeof size !== "number") return [];
    if (path.length > maxPathChars || path.length - path.lastIndexOf("/") > maxNameChars) return [];
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
