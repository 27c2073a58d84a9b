// Owns which pages count as being of this machine: what local mode lets call without being told of them.

/** Names that a browser never takes elsewhere (RFC 6761), and the addresses behind them; any port. */
const loopbackPage = /^https?:\/\/(?:(?:[a-z0-9-]+\.)*localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?$/;
/** Of applications that show pages of their own, installed here: no site has such an origin. */
const applicationPage = /^(?:app|tauri|vscode-webview|vscode-file):\/\/[a-z0-9._-]{1,255}$/;

/**
 * The opaque origin `null` is none: any site can have it, in a frame that it has sandboxed, and so can any file.
 * @param origin as a browser writes it, in lower case
 */
export function isLocalOrigin(origin: string): boolean {
  return loopbackPage.test(origin) || applicationPage.test(origin);
}
