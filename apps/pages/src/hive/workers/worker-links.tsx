// Owns the links from a worker in the hive to the worker's pages.
import type { HiveWorker } from "@waggle/protocol";
import type { VNode } from "preact";

export function ChatLink({ worker }: { readonly worker: HiveWorker }): VNode | null {
  return <Link worker={worker} label="Chat" path="" />;
}

export function StatusLink({ worker }: { readonly worker: HiveWorker }): VNode | null {
  return <Link worker={worker} label="Status" path="/status" />;
}

function Link(props: { readonly worker: HiveWorker; readonly label: string; readonly path: string }): VNode | null {
  const { worker_id: id, url, liveness } = props.worker;
  // An offline worker serves no pages.
  if (liveness === "gone" || !isReachable(url, location.hostname)) return null;
  const href = props.path === "" ? url : new URL(props.path, url).href;
  return (
    <a class="button tiny" href={href} target="_blank" rel="noopener noreferrer" aria-label={`${props.label} of ${id}`}>
      {props.label}
    </a>
  );
}

/**
 * Workers and gateways report their addresses themselves. Only a web address becomes a link. A loopback address becomes a link only if
 * this page has a loopback address too, because otherwise the link would lead to the visitor's machine.
 */
export function isReachable(url: string, pageHost: string): boolean {
  return /^https?:\/\//i.test(url) && (!isLoopback(new URL(url).hostname) || isLoopback(pageHost));
}

function isLoopback(host: string): boolean {
  return host === "localhost" || host === "[::1]" || /^127(\.\d{1,3}){3}$/.test(host);
}
