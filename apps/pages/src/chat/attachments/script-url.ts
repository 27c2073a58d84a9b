// Owns the only exception to the rule that no string becomes code (Trusted Types): the address of a thread's script from the build.
// The daemon's page server sends the name of the policy in each page's Content-Security-Policy.

interface TrustedTypes {
  createPolicy(
    name: string,
    rules: { createScriptURL: (url: string) => string },
  ): { createScriptURL(url: string): URL };
}

const policy = (globalThis as { trustedTypes?: TrustedTypes }).trustedTypes?.createPolicy("waggle-threads", {
  createScriptURL(url) {
    const { origin, pathname } = new URL(url, location.href);
    if (origin === location.origin && /^\/assets\/[\w.-]+\.js$/.test(pathname)) return url;
    throw new Error(`Cannot start a thread from ${url}: it is not a file of this page`);
  },
});

/** The address for `new Worker`, trusted if the browser requires that. */
export function scriptUrl(url: string): string | URL {
  return policy?.createScriptURL(url) ?? url;
}
