// Selects the workers to which a router of llm-d may send requests, and formats the router's endpoints file. Pure; endpoints-file.ts writes the file.
//
// Source of the format: llm-d-router 0.9, plugin `file-discovery` (pkg/epp/framework/plugins/datalayer/discovery/file/plugin.go). The file has
// a list `endpoints` of { name, namespace, address, port, labels }; the address is a literal IPv4 address, and the port is a string.
import { isIPv4 } from "node:net";
import type { HiveWorker } from "@waggle/protocol";
import { stringify } from "yaml";

/** The router rejects larger files. */
export const endpointsFileBytes: number = 1024 * 1024;

export interface Endpoint {
  readonly name: string;
  /** An IPv4 address. The router does not resolve host names, and does not start if its file has a host name. */
  readonly address: string;
  readonly port: string;
  readonly labels: Readonly<Record<string, string>>;
}

export interface Endpoints {
  /** The endpoints of workers that are alive and ready, sorted by name. */
  readonly listed: readonly Endpoint[];
  /** Workers that are alive and ready, but have an address that the file format does not allow. */
  readonly unlisted: readonly { readonly workerId: string; readonly reason: string }[];
}

export function endpointsOf(workers: readonly HiveWorker[]): Endpoints {
  const listed: Endpoint[] = [];
  const unlisted: Endpoints["unlisted"][number][] = [];
  for (const { worker_id: name, url, model, liveness, state } of workers) {
    if (liveness !== "alive" || state !== "ready") continue;
    const place = readAddress(url);
    if (typeof place === "string") unlisted.push({ workerId: name, reason: place });
    // The router chooses metric names by this label. Waggle's metrics have vLLM's names.
    else listed.push({ name, ...place, labels: { "llm-d.ai/engine-type": "vllm", model } });
  }
  listed.sort((a, b) => (a.name < b.name ? -1 : 1));
  return { listed, unlisted };
}

/** Formats the whole file. All values are quoted: the router reads YAML 1.1, where an unquoted model name `on` is a boolean. */
export function formatEndpoints(endpoints: readonly Endpoint[]): string {
  return stringify({ endpoints }, { defaultStringType: "QUOTE_DOUBLE", defaultKeyType: "PLAIN", lineWidth: 0 });
}

function readAddress(url: string): Pick<Endpoint, "address" | "port"> | string {
  const { protocol, hostname, port, pathname } = new URL(url);
  if (protocol !== "http:") return `${url} is not plain http`;
  if (pathname !== "/") return `${url} has a path`;
  const address = hostname === "localhost" ? "127.0.0.1" : hostname;
  if (!isIPv4(address)) return `${hostname} is not an IPv4 address`;
  return { address, port: port === "" ? "80" : port };
}
