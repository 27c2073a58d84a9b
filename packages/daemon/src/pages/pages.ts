// Serves the built pages: finds the file for a path and makes the response. It depends on no web framework and not on the content of pages.
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { pageHeadersOf } from "./page-headers.ts";

export interface PagesOptions {
  /** The folder of the build. Files are read at each request, so that the daemon serves a new build without a restart. */
  readonly folder: string;
  /** File of each page, by path: `{ "/": "chat.html" }`. */
  readonly routes: Readonly<Record<string, string>>;
}

export interface Pages {
  /** Whether the method is GET or HEAD, and the path is that of a page or may be that of a file of the pages. The file need not exist. */
  owns(method: string, path: string): boolean;
  /**
   * Makes the response to a request for which `owns` is true: the file, compressed as the client accepts, or 304 for the same ETag. If the
   * page is not built, the status is 503, and the body names the build command. Undefined for any other missing file.
   */
  answer(request: Request): Promise<Response | undefined>;
}

/**
 * Paths of files that belong to the pages: hashed files in /assets/, and the icon in the top folder. No name may begin with a dot, so no path can leave the
 * folder.
 */
const filePath = /^\/(assets\/[A-Za-z0-9_-][A-Za-z0-9._-]*|favicon\.svg)$/;

const encodings = [
  { name: "br", suffix: ".br" },
  { name: "gzip", suffix: ".gz" },
] as const;

interface FoundFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly encoding: string | undefined;
}

export function createPages({ folder, routes }: PagesOptions): Pages {
  function pageFile(path: string): string | undefined {
    if (Object.hasOwn(routes, path)) return routes[path];
    return filePath.test(path) ? path.slice(1) : undefined;
  }

  return {
    owns: (method, path) => (method === "GET" || method === "HEAD") && pageFile(path) !== undefined,
    async answer(request) {
      const { pathname } = new URL(request.url);
      const file = pageFile(pathname);
      const contentType = file === undefined ? undefined : contentTypes[/\.[a-z]+$/.exec(file)?.[0] ?? ""];
      if (file === undefined || contentType === undefined) return undefined;
      const found = await find(folder, file, request.headers.get("accept-encoding") ?? "");
      if (found !== undefined) return fileResponse(request, file, contentType, found);
      return Object.hasOwn(routes, pathname) ? unbuiltResponse(request, file) : undefined;
    },
  };
}

async function find(folder: string, file: string, acceptEncoding: string): Promise<FoundFile | undefined> {
  for (const { name, suffix } of encodings) {
    if (!accepts(acceptEncoding, name)) continue;
    const bytes = await read(join(folder, file + suffix));
    if (bytes !== undefined) return { bytes, encoding: name };
  }
  const bytes = await read(join(folder, file));
  return bytes === undefined ? undefined : { bytes, encoding: undefined };
}

/** Returns undefined if the file does not exist. */
async function read(path: string): Promise<Uint8Array<ArrayBuffer> | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ENOENT" || code === "ENOTDIR" || code === "EISDIR") return undefined;
    throw error;
  }
}

/** `br;q=0` means that the client does not accept brotli. */
function accepts(acceptEncoding: string, name: string): boolean {
  return acceptEncoding
    .toLowerCase()
    .split(",")
    .map((part) => part.trim().split(/\s*;\s*/))
    .some(([coding, ...parameters]) => coding === name && !parameters.some((text) => /^q=0(\.0*)?$/.test(text)));
}

function fileResponse(request: Request, file: string, contentType: string, { bytes, encoding }: FoundFile): Response {
  const etag = `"${createHash("sha256").update(bytes).digest("base64url").slice(0, 22)}"`;
  const headers = new Headers({
    ...pageHeadersOf(file),
    // Assets are cached, since their names contain a hash of the content. Pages are revalidated at each request.
    "cache-control": file.startsWith("assets/") ? "public, max-age=31536000, immutable" : "no-cache",
    etag,
    vary: "accept-encoding",
  });
  if (sameTag(request.headers.get("if-none-match"), etag)) return new Response(null, { status: 304, headers });
  headers.set("content-type", contentType);
  headers.set("content-length", String(bytes.byteLength));
  if (encoding !== undefined) headers.set("content-encoding", encoding);
  return new Response(request.method === "HEAD" ? null : bytes, { headers });
}

function sameTag(given: string | null, etag: string): boolean {
  return (given ?? "").split(",").some((tag) => tag.trim().replace(/^W\//, "") === etag);
}

function unbuiltResponse(request: Request, file: string): Response {
  const headers = {
    ...pageHeadersOf(file),
    "cache-control": "no-store",
    "content-type": "text/html; charset=utf-8",
  };
  return new Response(request.method === "HEAD" ? null : unbuiltPage, { status: 503, headers });
}

/** By the extension of a file. Files of other types are never served. */
const contentTypes: Readonly<Record<string, string>> = {
  ".html": "text/html; charset=utf-8",
  ".js": "text/javascript; charset=utf-8",
  ".css": "text/css; charset=utf-8",
  ".svg": "image/svg+xml",
};

const unbuiltPage = `<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Waggle: not built yet</title>
  </head>
  <body>
    <h1>The pages are not built yet</h1>
    <p>The daemon runs and answers. Its pages come with this command, in the repository's root:</p>
    <pre>npx --yes pnpm@12.21.0 build</pre>
    <p>Then load this page again. The daemon need not restart.</p>
  </body>
</html>
`;
