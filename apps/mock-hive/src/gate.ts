// Owns who may speak to the hive: it has no authentication, so a page in somebody's browser must not reach it through another name.
import { WaggleError } from "@waggle/protocol";

/** Host names under which a loopback address is really meant; any other one is DNS rebinding. */
const ownNames: readonly string[] = ["localhost", "127.0.0.1", "[::1]"];

/** @throws WaggleError forbidden when Host is not a loopback name, or Origin is a page that the hive did not serve */
export function checkHostAndOrigin(headers: Headers): void {
  const host = (headers.get("host") ?? "").toLowerCase();
  const name = /^(\[[^\]]*\]|[^:]*)(:\d+)?$/.exec(host)?.[1];
  if (name === undefined || !ownNames.includes(name)) {
    throw new WaggleError("forbidden", `Cannot answer: the Host header must be one of ${ownNames.join(", ")}.`);
  }
  const origin = headers.get("origin");
  if (origin !== null && origin.toLowerCase() !== `http://${host}`) {
    throw new WaggleError("forbidden", "Cannot answer: the Origin header names a page that does not belong here.");
  }
}
