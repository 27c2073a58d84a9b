// Owns the headers that keep a page to itself: what it may load, who may frame it, what it tells others.

/**
 * A page loads its own files and talks to its own origin, and nothing else. Scripts and styles come from files alone, and no string ever
 * becomes markup: the one Trusted Types policy that is allowed makes addresses of threads, out of the page's own files and of nothing else,
 * and so the browser itself refuses every other such assignment.
 */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types waggle-threads",
].join("; ");

export const pageHeaders: Readonly<Record<string, string>> = {
  "content-security-policy": contentSecurityPolicy,
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), geolocation=(), microphone=()",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
};
