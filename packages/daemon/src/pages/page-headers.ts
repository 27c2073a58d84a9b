// Owns the headers that isolate a page: the files that the page may load, the pages that may frame the page, and the referrer that the page sends.

/** The page in the chat's frame that shows a model's markup. */
const previewFile = "preview.html";

/**
 * A page loads files and sends requests only to its origin, and shows pictures that it has in memory (`blob:`). Scripts and styles come only from files. Strings never become markup or scripts: the
 * browser accepts only strings from a Trusted Types policy, and the only policy makes the URLs of the page's worker scripts.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  // Only the preview can be framed.
  "frame-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types waggle-threads",
].join("; ");

/**
 * The preview shows hostile markup, whose frame inherits this policy. It has an opaque origin, also without the chat's frame around it, and no network;
 * its own frame cannot go to any address. Decision 130.
 */
const previewSecurityPolicy = [
  "sandbox allow-scripts",
  "default-src 'none'",
  "script-src 'unsafe-inline'",
  "style-src 'unsafe-inline'",
  "img-src data: blob:",
  "media-src data: blob:",
  "font-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'self'",
].join("; ");

const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": contentSecurityPolicy,
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};

export function pageHeadersOf(file: string): Readonly<Record<string, string>> {
  return file === previewFile ? { ...pageHeaders, "content-security-policy": previewSecurityPolicy } : pageHeaders;
}
