// Owns the form of a host, an origin and a URL in a setting. There are no DNS look-ups, so a missing host is found only when the setting is used.
import { z } from "zod";
import { WorkerIdSchema } from "@waggle/protocol";
import { list, textSchema } from "./values.ts";
import type { TextSchema } from "./values.ts";

const maxUrlChars = 2_048;
const maxHostChars = 253;

/** An address to bind: a name, an IPv4 address, or an IPv6 address with or without brackets. */
export function bindAddress(): TextSchema<string> {
  return textSchema("a host name or an IP address, without a port", (text) => {
    const bare = text.replace(/^\[(.*)\]$/, "$1");
    if (bare.length > maxHostChars) return undefined;
    return isIpv6(bare) || isHostName(bare) ? bare : undefined;
  });
}

/** Allowed names in the Host header, in lower case and without a port; IPv6 addresses in brackets, as in the header. */
export function hostList(): TextSchema<readonly string[]> {
  return list("host names without ports", (item) => {
    const name = item.toLowerCase();
    if (name.startsWith("[")) return isIpv6(name.slice(1, -1)) && name.endsWith("]") ? name : undefined;
    return isHostName(name) && name.length <= maxHostChars ? name : undefined;
  });
}

/** Origins exactly as a browser sends them: scheme://host, and the port unless it is the scheme's default. */
export function originList(): TextSchema<readonly string[]> {
  return list("origins, such as https://chat.example.org", (item) => {
    const url = URL.canParse(item) ? new URL(item) : undefined;
    return url !== undefined && isHttp(url) && url.origin === item.toLowerCase() ? url.origin : undefined;
  });
}

/** An http(s) base URL without a trailing slash. A URL with a user or a password is refused, since URLs must not contain secrets. */
export function baseUrl(): TextSchema<string> {
  return textSchema("an http:// or https:// URL without user, query and fragment", (text) => {
    if (!URL.canParse(text) || text.length > maxUrlChars) return undefined;
    const url = new URL(text);
    const plain = url.username === "" && url.password === "" && url.search === "" && url.hash === "";
    return isHttp(url) && plain ? url.href.replace(/\/+$/, "") : undefined;
  });
}

export function workerId(): TextSchema<string> {
  return z.string().pipe(WorkerIdSchema);
}

/** Removes the user and the password of all URLs in a text. */
export function withoutCredentials(text: string): string {
  return text.replace(/\/\/[^@/]*@/g, "//");
}

/** Whether only this machine can reach a server bound to this address. */
export function isLoopback(host: string): boolean {
  return host.toLowerCase() === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether the address means all interfaces. Clients cannot connect to such an address. */
export function isWildcard(host: string): boolean {
  return host === "0.0.0.0" || host === "::";
}

function isHostName(text: string): boolean {
  return /^[a-z0-9]([a-z0-9._-]*[a-z0-9])?$/i.test(text);
}

function isIpv6(text: string): boolean {
  return text.includes(":") && URL.canParse(`http://[${text}]`);
}

function isHttp(url: URL): boolean {
  return url.protocol === "http:" || url.protocol === "https:";
}
