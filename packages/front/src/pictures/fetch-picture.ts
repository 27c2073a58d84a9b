// Fetches pictures from the hosts that the operator allows. A URL in a request must not lead into the operator's network: every address is checked, and
// the connection goes to the checked address, so that a second answer of the name server changes nothing.
import { lookup } from "node:dns/promises";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";
import { createShares, deadlineSignal, linkSignals, unlessAborted } from "@waggle/async";
import { WaggleError } from "@waggle/protocol";
import { isPublicAddress } from "./public-address.ts";

/** @throws WaggleError invalid_argument; payload_too_large; resource_exhausted; cancelled */
export type FetchPicture = (url: string, how: HowToFetch) => Promise<Uint8Array>;

export interface HowToFetch {
  readonly client: string;
  /** How errors name the picture. */
  readonly name: string;
  readonly signal: AbortSignal;
}

export interface FetcherOptions {
  /** Host names in lower case, without ports. */
  readonly hosts: readonly string[];
  readonly maxBytes: number;
  /** Time limit for one picture, with all redirects. */
  readonly timeoutMs?: number;
  /** The addresses of a host; by default as the system resolves them. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
  /** Whether pictures may come from this address; by default from public addresses only. */
  readonly mayConnect?: (address: string) => boolean;
}

const defaultTimeoutMs = 15_000;
const mostRedirects = 3;
const mostUrlChars = 4_096;
/** Most fetches at a time, and the share of one client. */
const [mostFetches, clientShare] = [32, 0.5];
const redirects: ReadonlySet<number | undefined> = new Set([301, 302, 303, 307, 308]);

export function createPictureFetcher(options: FetcherOptions): FetchPicture {
  const {
    hosts,
    maxBytes,
    timeoutMs = defaultTimeoutMs,
    resolve = resolveHost,
    mayConnect = isPublicAddress,
  } = options;
  const running = createShares(mostFetches, clientShare);

  function refuse(name: string, why: string, cause?: unknown): WaggleError {
    return new WaggleError("invalid_argument", `Cannot fetch ${name}: ${why}.`, { cause });
  }

  /** @throws WaggleError invalid_argument */
  function checkedUrl(text: string, name: string): URL {
    const url = URL.canParse(text) && text.length <= mostUrlChars ? new URL(text) : undefined;
    if (url === undefined || !/^https?:$/.test(url.protocol)) throw refuse(name, "its URL is not an http(s) URL");
    if (url.username !== "" || url.password !== "") throw refuse(name, "its URL contains a user or a password");
    if (hosts.includes(url.hostname)) return url;
    const setting = `restart the server with --allow-media-from ${url.hostname}`;
    const why = hosts.length === 0 ? "only data: URLs are accepted" : `the host ${url.hostname} is not allowed`;
    throw refuse(name, `${why}. Send the picture as a data: URL, or ${setting}`);
  }

  /** @throws WaggleError invalid_argument */
  async function addressesOf({ hostname }: URL, name: string): Promise<readonly string[]> {
    const host = hostname.replace(/^\[(.*)\]$/, "$1");
    const found = isIP(host) > 0 ? [host] : await resolve(host);
    if (found.length === 0) throw refuse(name, `the host ${hostname} has no address`);
    if (!found.every(mayConnect)) throw refuse(name, `the host ${hostname} has an address that is not public`);
    return found;
  }

  async function open(url: URL, name: string, signal: AbortSignal): Promise<IncomingMessage> {
    // Node's name resolution takes no signal.
    const addresses = await unlessAborted(addressesOf(url, name), signal);
    const known = addresses.map((address) => ({ address, family: isIP(address) }));
    const checked: LookupFunction = (_, { all }, found) => {
      if (all === true) found(null, known);
      else found(null, known[0]?.address ?? "", known[0]?.family);
    };
    const send = url.protocol === "https:" ? httpsRequest : httpRequest;
    return await new Promise((answered, failed) => {
      const headers = { accept: "image/*", "accept-encoding": "identity", "user-agent": "waggle" };
      // Without an agent, the connection is new, and therefore to a checked address.
      send(url, { lookup: checked, agent: false, headers, signal }, answered).once("error", failed).end();
    });
  }

  async function read(url: URL, name: string, signal: AbortSignal): Promise<Uint8Array> {
    let target = url;
    for (let hops = 0; hops <= mostRedirects; hops += 1) {
      const response = await open(target, name, signal);
      const { statusCode, headers } = response;
      if (statusCode === 200) return await readBytes(response, name);
      response.destroy();
      const { location } = headers;
      if (!redirects.has(statusCode) || location === undefined) {
        throw refuse(name, `${target.hostname} answered HTTP ${statusCode}`);
      }
      if (!URL.canParse(location, target.href)) throw refuse(name, `${target.hostname} sent an invalid redirect`);
      target = checkedUrl(new URL(location, target).href, name);
    }
    throw refuse(name, `there are more than ${mostRedirects} redirects`);
  }

  async function readBytes(response: IncomingMessage, name: string): Promise<Uint8Array> {
    const pieces: Buffer[] = [];
    let size = 0;
    const announced = Number(response.headers["content-length"] ?? 0);
    const tooLarge = new WaggleError(
      "payload_too_large",
      `Cannot fetch ${name}: it is larger than ${maxBytes} bytes (--max-picture-bytes).`,
    );
    if (announced > maxBytes) {
      response.destroy();
      throw tooLarge;
    }
    for await (const piece of response as AsyncIterable<Buffer>) {
      size += piece.length;
      if (size > maxBytes) throw tooLarge;
      pieces.push(piece);
    }
    if (!response.complete) throw refuse(name, "the connection ended before the picture was complete");
    return new Uint8Array(Buffer.concat(pieces));
  }

  return async (text, { client, name, signal }) => {
    const url = checkedUrl(text, name);
    const limit = running.limitFor(client, 1);
    if (limit !== undefined) {
      const many = limit === "full" ? `${mostFetches} pictures` : `${running.clientCapacity} pictures of this client`;
      const message = `Cannot fetch ${name}: ${many} are being fetched already. Retry in 1 s.`;
      throw new WaggleError("resource_exhausted", message, { retryAfterS: 1 });
    }
    running.add(client, 1);
    using deadline = deadlineSignal(timeoutMs);
    using either = linkSignals(signal, deadline.signal);
    try {
      return await read(url, name, either);
    } catch (error) {
      if (error instanceof WaggleError) throw error;
      if (signal.aborted) throw new WaggleError("cancelled", "The client left.");
      if (deadline.signal.aborted) {
        throw refuse(name, `${url.hostname} did not send the picture within ${timeoutMs / 1_000} s`, error);
      }
      throw refuse(name, `${url.hostname} cannot be reached`, error);
    } finally {
      running.add(client, -1);
    }
  };
}

async function resolveHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
