// Owns the address that a daemon prints for its user. The daemon must accept this address as Host.
import { hostname, networkInterfaces } from "node:os";

export interface OpenAddress {
  /** The address at which the daemon listens. */
  readonly url: string;
  /** The public address, if it is set. */
  readonly advertiseUrl?: string | undefined;
  /** Accepted names in the Host header; if empty, any name. */
  readonly names: readonly string[];
  /** Name or address of this machine for other machines. */
  readonly machine: string;
}

/** The advertised URL; otherwise the URL at which the daemon listens, with a host name that other machines know and the daemon accepts. */
export function addressToOpen({ url, advertiseUrl, names, machine }: OpenAddress): string {
  if (advertiseUrl !== undefined) return advertiseUrl.replace(/\/$/, "");
  const [, scheme = "", own = "", port = ""] = /^(\w+:\/\/)(\[[^\]]*\]|[^:/]*)(.*)$/.exec(url) ?? [];
  const name = own === "0.0.0.0" || own === "[::]" ? machine : own;
  const answered = names.length === 0 || names.includes(name.toLowerCase());
  return `${scheme}${answered ? name : names[0]}${port}`;
}

/**
 * The address of this machine for other machines: its first network address. The host name is the last resort, since other machines may not know the name,
 * and it often means loopback.
 */
export function machineAddress(interfaces: ReturnType<typeof networkInterfaces> = networkInterfaces()): string {
  const outward = Object.values(interfaces)
    .flatMap((addresses) => addresses ?? [])
    .filter(({ address, internal }) => !internal && !isLinkLocal(address));
  const [v4, v6] = (["IPv4", "IPv6"] as const).map(
    (wanted) => outward.find(({ family }) => family === wanted)?.address,
  );
  return v4 ?? (v6 === undefined ? hostname() : `[${v6}]`);
}

function isLinkLocal(address: string): boolean {
  return /^(169\.254\.|fe[89ab][0-9a-f]:)/i.test(address);
}
