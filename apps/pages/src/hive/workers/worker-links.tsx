// Owns the links from the hive to the pages of workers and gateways.
import type { VNode } from "preact";

interface PageLinkProps {
  readonly page: "Chat" | "Status";
  /** The id of the worker or gateway, for screen readers. */
  readonly of: string;
  readonly url: string;
}

export function PageLink({ page, of, url }: PageLinkProps): VNode | null {
  if (!isReachable(url, location.hostname)) return null;
  const href = page === "Chat" ? url : new URL("/status", url).href;
  return (
    <a class="button tiny" href={href} target="_blank" rel="noopener noreferrer" aria-label={`${page} of ${of}`}>
      {page}
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
