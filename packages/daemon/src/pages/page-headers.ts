// Owns the headers that isolate a page: the files that the page may load, the pages that may frame the page, and the referrer that the page sends.

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
