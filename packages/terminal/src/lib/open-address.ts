// Owns the address that a daemon tells a person to open: one that it answers to.

export interface OpenAddress {
  /** Where it listens. */
  readonly url: string;
  /** Where others reach it, if somebody said so. */
  readonly advertiseUrl?: string | undefined;
  /** Names that a request may call it by; none: any. */
  readonly names: readonly string[];
  /** This machine's name. */
  readonly machine: string;
}

/** The advertised one; else its own, with a name in place of all interfaces and of one that it would refuse. */
export function addressToOpen({ url, advertiseUrl, names, machine }: OpenAddress): string {
  if (advertiseUrl !== undefined) return advertiseUrl.replace(/\/$/, "");
  const [, scheme = "", own = "", port = ""] = /^(\w+:\/\/)(\[[^\]]*\]|[^:/]*)(.*)$/.exec(url) ?? [];
  const name = own === "0.0.0.0" || own === "[::]" ? machine : own;
  const answered = names.length === 0 || names.includes(name.toLowerCase());
  return `${scheme}${answered ? name : names[0]}${port}`;
}
